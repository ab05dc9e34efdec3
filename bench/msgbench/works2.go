package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"sync/atomic"
	"time"
)

// W3 idle, W4 cold start, W5 history.

func idle(ad Adapter, users []User, ps *procSet, hold time.Duration, connectPar int, res map[string]any) error {
	rss0, _ := ps.rss()
	pss0 := ps.pss()
	cpu0 := ps.cpuMs()
	ps.startSampler()
	t := time.Now()
	if err := parallel(len(users), connectPar, func(i int) error { return ad.Start(i, &users[i], nil) }); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	ramp := time.Since(t)
	res["connect_s"] = ramp.Seconds()
	res["connect_cpu_ms_per_client"] = (ps.cpuMs() - cpu0) / float64(len(users))
	time.Sleep(5 * time.Second)
	c0 := ad.Counters()
	cpu1, self1, t1 := ps.cpuMs(), selfCPUms(), time.Now()
	var series []float64
	for time.Since(t1) < hold {
		time.Sleep(5 * time.Second)
		r, _ := ps.rss()
		series = append(series, float64(r)/(1<<20))
	}
	el := time.Since(t1).Seconds()
	cpu2, self2 := ps.cpuMs(), selfCPUms()
	c1 := ad.Counters()
	rss1, np := ps.rss()
	pss1 := ps.pss()
	peak, _ := ps.stopSampler()
	alive := int64(0)
	parallel(len(users), 64, func(i int) error {
		if ad.Alive(i, 30*time.Second) {
			atomic.AddInt64(&alive, 1)
		}
		return nil
	})
	ad.Close()
	n := float64(len(users))
	res["clients"] = len(users)
	res["alive_at_end"] = alive
	res["lost"] = int64(len(users)) - alive
	res["rss_before_mib"] = float64(rss0) / (1 << 20)
	res["rss_after_mib"] = float64(rss1) / (1 << 20)
	res["rss_series_mib"] = series
	res["peak_rss_mib"] = float64(peak) / (1 << 20)
	res["pss_mib"] = float64(pss1) / (1 << 20)
	res["kib_per_client"] = float64(rss1-rss0) / 1024 / n
	res["pss_kib_per_client"] = float64(pss1-pss0) / 1024 / n
	res["processes"] = np
	res["idle_cpu_cores"] = (cpu2 - cpu1) / 1000 / el
	res["idle_cpu_ms_per_client_min"] = (cpu2 - cpu1) / n / el * 60
	res["client_cpu_cores"] = (self2 - self1) / 1000 / el
	res["hold_s"] = el
	res["polls_per_s"] = float64(c1["syncs"]-c0["syncs"]) / el
	return nil
}

// ---- W4 ---------------------------------------------------------------------

// coldSetup: user 0 creates the rooms, user 1 joins, user 0 posts.
func (a *matrixAdapter) coldSetup(users []User, rooms, msgs, body, par int) ([]string, error) {
	convs := make([]string, rooms)
	pool := connPool{t: a.t}
	defer pool.close()
	t0 := time.Now()
	err := parallel(rooms, par, func(i int) error {
		h := pool.get()
		defer pool.put(h)
		id, err := a.createRoom(h, users[0].Token, map[string]any{"preset": "public_chat", "name": "room " + strconv.Itoa(i)})
		if err != nil {
			return err
		}
		convs[i] = id
		for m := 1; m < len(users); m++ {
			if err := a.join(h, users[m].Token, id); err != nil {
				return err
			}
		}
		for k := 0; k < msgs; k++ {
			b := Marker{conv: i, sender: 0, seq: k, mi: k, t: 1}.body(nil, body)
			if err := a.put(h, &users[0], url.PathEscape(id), b); err != nil {
				return err
			}
		}
		return nil
	})
	logf("cold start set-up: %d rooms in %.0f s", rooms, time.Since(t0).Seconds())
	return convs, err
}

func (a *matrixAdapter) coldMeasure(users []User, convs []string, msgs, repeat int, ps *procSet, res map[string]any) error {
	u := users[1]
	type pass struct {
		loginMs, filterMs, syncMs, incrMs, signInMs, cpuSync, cpuAll float64
		bytes, wire                                                  int
		slidingMs, slidingCPU                                        float64
		slidingBytes                                                 int
	}
	var ps2 []pass
	ps.startSampler()
	bad := int64(0)
	for r := 0; r < repeat; r++ {
		var p pass
		h := newConn(a.t)
		c0 := ps.cpuMs()
		t0 := now()
		var l struct {
			AccessToken string `json:"access_token"`
		}
		if _, err := a.call(h, "POST", api+"/login", "", map[string]any{"type": "m.login.password",
			"identifier": map[string]any{"type": "m.id.user", "user": u.Name}, "password": u.Pass, "initial_device_display_name": "cold"}, &l); err != nil {
			return err
		}
		t1 := now()
		v := u
		v.Token = l.AccessToken
		f, err := a.uploadFilter(h, &v, msgs)
		if err != nil {
			return err
		}
		t2 := now()
		c1 := ps.cpuMs()
		st, b, err := h.do("GET", api+"/sync?timeout=0&set_presence=offline&filter="+url.QueryEscape(f), v.Token, nil, 300*time.Second)
		if err != nil || st != 200 {
			return fmt.Errorf("initial sync: %d %v", st, err)
		}
		t3 := now()
		c2 := ps.cpuMs()
		p.bytes, p.wire = len(b), int(h.wireN)
		var s mxSync
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		got := 0
		for room, r := range s.Rooms.Join {
			seq := -1
			for _, e := range r.Timeline.Events {
				if m, _, ok := nextMarker([]byte(e.Content.Body)); ok {
					got++
					if ix := a.roomIdx[room]; ix != m.conv {
						fault("format", "room mix-up")
					}
					if m.seq <= seq {
						bad++
					}
					seq = m.seq
				}
			}
		}
		if len(s.Rooms.Join) != len(convs) || got != len(convs)*msgs {
			fault("missing", "initial sync has %d rooms with %d messages, wanted %d with %d", len(s.Rooms.Join), got, len(convs), len(convs)*msgs)
		}
		t4 := now()
		st, b, err = h.do("GET", api+"/sync?timeout=0&set_presence=offline&since="+url.QueryEscape(s.NextBatch)+"&filter="+url.QueryEscape(f), v.Token, nil, 300*time.Second)
		if err != nil || st != 200 {
			return fmt.Errorf("incremental sync: %d %v", st, err)
		}
		t5 := now()
		c3 := ps.cpuMs()
		ms := func(a, b int64) float64 { return float64(b-a) / 1e6 }
		p.loginMs, p.filterMs, p.syncMs, p.incrMs = ms(t0, t1), ms(t1, t2), ms(t2, t3), ms(t4, t5)
		p.signInMs = ms(t0, t3) + ms(t4, t5) // without the client's own decoding
		p.cpuSync, p.cpuAll = c2-c1, c3-c0
		// the same sign-in by simplified sliding sync (MSC4186), where offered:
		// the newest 20 rooms, their names and one message each
		if a.sliding != "" {
			req := []byte(`{"conn_id":"b` + strconv.Itoa(r) + `","lists":{"all":{"ranges":[[0,19]],"timeline_limit":1,"required_state":[["m.room.name",""],["m.room.avatar",""],["m.room.encryption",""],["m.room.member","$LAZY"],["m.room.member","$ME"]]}},"extensions":{"account_data":{"enabled":true},"to_device":{"enabled":true},"e2ee":{"enabled":true}}}`)
			c4, t6 := ps.cpuMs(), now()
			st, b, err = h.do("POST", a.sliding+"?timeout=0", v.Token, req, 300*time.Second)
			if err == nil && st == 200 && bytes.Count(b, markTag) >= 20 {
				p.slidingMs, p.slidingCPU, p.slidingBytes = ms(t6, now()), ps.cpuMs()-c4, len(b)
			} else {
				logf("sliding sync: HTTP %d %v %.200s", st, err, b)
				a.sliding = ""
			}
		}
		ps2 = append(ps2, p)
		h.close()
		time.Sleep(200 * time.Millisecond)
	}
	peak, np := ps.stopSampler()
	out := func(p pass) map[string]any {
		m := map[string]any{"login_ms": p.loginMs, "filter_ms": p.filterMs, "initial_sync_ms": p.syncMs, "incremental_ms": p.incrMs,
			"sign_in_to_first_incremental_ms": p.signInMs, "initial_sync_cpu_ms": p.cpuSync, "sign_in_cpu_ms": p.cpuAll, "bytes": p.bytes}
		if p.slidingBytes > 0 {
			m["sliding_ms"], m["sliding_cpu_ms"], m["sliding_bytes"] = p.slidingMs, p.slidingCPU, p.slidingBytes
		}
		return m
	}
	res["first"] = out(ps2[0])
	if len(ps2) > 1 {
		rest := append([]pass{}, ps2[1:]...)
		sort.Slice(rest, func(i, j int) bool { return rest[i].syncMs < rest[j].syncMs })
		median := rest[len(rest)/2]
		// CPU comes in ticks of 10 ms: the mean of all says more than one pass
		median.cpuSync, median.cpuAll, median.slidingCPU = 0, 0, 0
		for _, p := range rest {
			median.cpuSync += p.cpuSync / float64(len(rest))
			median.cpuAll += p.cpuAll / float64(len(rest))
			median.slidingCPU += p.slidingCPU / float64(len(rest))
		}
		res["median_of_rest"] = out(median)
	}
	res["rooms"] = len(convs)
	res["msgs_per_room"] = msgs
	res["passes"] = len(ps2)
	res["out_of_order"] = bad
	res["peak_rss_mib"] = float64(peak) / (1 << 20)
	res["pss_mib"] = float64(ps.pss()) / (1 << 20)
	res["processes"] = np
	return nil
}

// ---- W5 ---------------------------------------------------------------------

func (a *matrixAdapter) Fill(users []User, conv string, n, body int) error {
	h := newConn(a.t)
	defer h.close()
	for k := 0; k < n; k++ {
		if err := a.put(h, &users[0], url.PathEscape(conv), Marker{0, 0, k, k, 1}.body(nil, body)); err != nil {
			return err
		}
	}
	return nil
}

type matrixReader struct {
	h                 *hconn
	path, token, from string
}

func (a *matrixAdapter) Reader(u *User, conv string) (reader, error) {
	return &matrixReader{h: newConn(a.t), token: u.Token, path: api + "/rooms/" + url.PathEscape(conv) + "/messages?dir=b&filter=" +
		url.QueryEscape(`{"lazy_load_members":true}`)}, nil
}

func (r *matrixReader) page(size int) (ms []Marker, bytesRead int, done bool, err error) {
	path := r.path + "&limit=" + strconv.Itoa(size)
	if r.from != "" {
		path += "&from=" + url.QueryEscape(r.from)
	}
	st, b, err := r.h.do("GET", path, r.token, nil, 120*time.Second)
	if err != nil || st != 200 {
		return nil, 0, false, fmt.Errorf("messages: %d %v %.200s", st, err, b)
	}
	bytesRead = len(b)
	for rest := b; ; {
		m, more, ok := nextMarker(rest)
		if !ok {
			break
		}
		ms, rest = append(ms, m), more
	}
	end, ok := jsonString(r.h.body, `"end"`)
	r.from = end
	return ms, bytesRead, !ok, nil
}

func (r *matrixReader) close() { r.h.close() }

// history reads the whole room backwards, passes times, by one reader.
func history(ad Adapter, users []User, convs []string, total, page, passes int, ps *procSet, res map[string]any) error {
	var pageLat []int64
	var dup, ooo, lost, nbytes int64
	type pr struct{ wall, cpu float64 }
	var prs []pr
	ps.startSampler()
	self0 := selfCPUms()
	for p := 0; p < passes; p++ {
		r, err := ad.Reader(&users[1], convs[0])
		if err != nil {
			return err
		}
		seen := make([]bool, total)
		n, last := 0, total
		c0, t0 := ps.cpuMs(), now()
		for done := false; !done && n < total && len(pageLat) < (p+1)*(total/page*3+10); {
			s := now()
			ms, size, end, err := r.page(page)
			if err != nil {
				return err
			}
			done = end
			pageLat = append(pageLat, now()-s)
			nbytes += int64(size)
			for _, m := range ms {
				if m.seq >= last { // newest first
					ooo++
				}
				last = m.seq
				if m.seq >= total || seen[m.seq] {
					dup++
					continue
				}
				seen[m.seq] = true
				n++
			}
		}
		w := float64(now()-t0) / 1e9
		prs = append(prs, pr{w, ps.cpuMs() - c0})
		r.close()
		lost += int64(total - n)
		logf("history pass %d: %d messages in %.2f s", p, n, w)
	}
	self1 := selfCPUms()
	peak, np := ps.stopSampler()
	var w, c float64
	for _, p := range prs {
		w += p.wall
		c += p.cpu
	}
	n := float64(total * passes)
	L := summarize(pageLat)
	res["messages"] = total
	res["page"] = page
	res["passes"] = passes
	res["msgs_per_s"] = n / w
	res["first_pass_msgs_per_s"] = float64(total) / prs[0].wall
	res["first_pass_cpu_ms_per_msg"] = prs[0].cpu / float64(total)
	res["cpu_ms_per_msg"] = c / n
	res["server_cpu_ms"] = c
	res["client_cpu_ms_per_msg"] = (self1 - self0) / n
	res["bytes_per_msg"] = float64(nbytes) / n
	res["lat_ms"] = map[string]float64{"p50": L.P50, "p95": L.P95, "p99": L.P99, "max": L.Max, "mean": L.Mean}
	res["peak_rss_mib"] = float64(peak) / (1 << 20)
	res["pss_mib"] = float64(ps.pss()) / (1 << 20)
	res["processes"] = np
	res["lost"], res["duplicates"], res["out_of_order"] = lost, dup, ooo
	return nil
}
