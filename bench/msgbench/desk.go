package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Works of the customer-service desk: a storm of new customers, and updates to the streams of the agents.

const (
	deskAPI   = "/_comptoir/desk/v1"
	widgetAPI = "/_comptoir/widget/v1"
)

type desk struct {
	a     *matrixAdapter
	h     *hconn
	token string
	inbox struct{ ID, Key string }
}

// openDesk signs the owner in, who becomes online, and finds the first inbox.
func openDesk(a *matrixAdapter, name, password string) (*desk, error) {
	d := &desk{a: a, h: newConn(a.t)}
	var err error
	if d.token, err = d.login(name, password); err != nil {
		return nil, err
	}
	var me struct{ Inboxes []struct{ ID, Key string } }
	if _, err := a.call(d.h, "GET", deskAPI+"/me", d.token, nil, &me); err != nil {
		return nil, err
	}
	if len(me.Inboxes) == 0 {
		return nil, fmt.Errorf("the desk has no inbox")
	}
	d.inbox = me.Inboxes[0]
	return d, nil
}

func (d *desk) login(name, password string) (string, error) {
	var l struct {
		Token string `json:"access_token"`
	}
	st, err := d.a.call(d.h, "POST", api+"/login", "", map[string]any{"type": "m.login.password",
		"identifier": map[string]any{"type": "m.id.user", "user": name}, "password": password}, &l)
	if err == nil && st != 200 {
		err = fmt.Errorf("login of %s: HTTP %d", name, st)
	}
	return l.Token, err
}

func (d *desk) conversations() (int64, error) {
	var c map[string]int64
	_, err := d.a.call(d.h, "GET", deskAPI+"/counts", d.token, nil, &c)
	return c["all"] + c["pending"] + c["snoozed"] + c["resolved"], err
}

// customer is what the widget does for somebody new: a session, then the first message.
type customer struct {
	token, room, conversation string
}

func (d *desk) newCustomer(h *hconn, body []byte, withConfig bool) (c customer, sessionNs int64, err error) {
	began := now()
	post := func(path, token, body string, out any) error {
		st, b, err := h.do("POST", widgetAPI+path, token, []byte(body), 60*time.Second)
		if err == nil && st != 200 {
			err = fmt.Errorf("HTTP %d %.200s", st, b)
		}
		if err == nil {
			err = json.Unmarshal(b, out)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return err
	}
	if withConfig {
		st, b, err := h.do("GET", widgetAPI+"/config?lang=fr&inbox="+url.QueryEscape(d.inbox.Key), "", nil, 60*time.Second)
		if err != nil || st != 200 {
			return c, 0, fmt.Errorf("/config: %d %v %.200s", st, err, b)
		}
	}
	var s struct {
		Token string `json:"access_token"`
	}
	key := strconv.Quote(d.inbox.Key)
	page := `"page":{"url":"https://shop.example/lamps/7","title":"Lamps"}`
	if err = post("/session", "", `{"inbox":`+key+`,"lang":"fr",`+page+`}`, &s); err != nil {
		return
	}
	sessionNs = now() - began
	var m struct {
		Room         string `json:"room_id"`
		Conversation string `json:"conversation_id"`
		Created      bool   `json:"created"`
	}
	err = post("/conversations", s.Token, `{"inbox":`+key+`,"txn_id":"1","lang":"fr",`+page+`,"content":{"msgtype":"m.text","body":"`+string(body)+`"}}`, &m)
	if err == nil && (!m.Created || m.Room == "") {
		err = fmt.Errorf("/conversations: not a new one")
	}
	return customer{s.Token, m.Room, m.Conversation}, sessionNs, err
}

// widgetStorm lets new customers come at a rate, each with a connection of his own, and counts what the desk has of them afterwards.
func widgetStorm(d *desk, rate float64, dur time.Duration, par, body int, ps *procSet, res map[string]any) error {
	n := int(rate * dur.Seconds())
	before, err := d.conversations()
	if err != nil {
		return err
	}
	rss0, _ := ps.rss()
	due := make(chan int64, n)
	var mu sync.Mutex
	var whole, session, spent []int64
	known := map[string]bool{}
	var failed, doubled int64
	var wg sync.WaitGroup
	ps.startSampler()
	busy0, tot0 := cpuBusy()
	c0, self0, t0 := ps.cpuMs(), selfCPUms(), now()
	for w := 0; w < par; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for t := range due {
				h := newConn(d.a.t)
				s := now()
				c, ns, err := d.newCustomer(h, Marker{0, 0, 0, 0, t}.body(nil, body), true)
				e := now()
				h.close()
				mu.Lock()
				if err != nil {
					failed++
				} else {
					whole, session, spent = append(whole, e-t), append(session, ns), append(spent, e-s)
					if known[c.conversation] {
						doubled++
					}
					known[c.conversation] = true
				}
				mu.Unlock()
				if err != nil {
					fault("customer", "%v", err)
				}
			}
		}()
	}
	late := 0
	for k := 0; k < n; k++ {
		t := t0 + int64(float64(k)/rate*1e9)
		if wait := t - now(); wait > 0 {
			time.Sleep(time.Duration(wait))
		}
		if waiting := len(due); waiting > late {
			late = waiting
		}
		due <- t
	}
	close(due)
	wg.Wait()
	wall, cpu, self := float64(now()-t0)/1e9, ps.cpuMs()-c0, selfCPUms()-self0
	busy1, tot1 := cpuBusy()
	peak, _ := ps.stopSampler()
	after, err := d.conversations()
	if err != nil {
		return err
	}
	done := float64(len(whole))
	W, S, P := summarize(whole), summarize(session), summarize(spent)
	res["customers"], res["rate"], res["window_s"] = n, rate, wall
	res["customers_per_s"] = done / wall
	res["lat_ms"] = map[string]float64{"p50": W.P50, "p95": W.P95, "p99": W.P99, "max": W.Max, "mean": W.Mean}
	res["session_ms"] = map[string]float64{"p50": S.P50, "p99": S.P99, "max": S.Max}
	res["spent_ms"] = map[string]float64{"p50": P.P50, "p99": P.P99, "max": P.Max}
	res["most_waiting"] = late
	res["cpu_ms_per_customer"] = cpu / done
	res["server_cpu_cores"] = cpu / 1000 / wall
	res["client_cpu_cores"] = self / 1000 / wall
	res["machine_busy_pct"] = 100 * float64(busy1-busy0) / float64(tot1-tot0)
	res["lost"] = int64(len(whole)) - (after - before)
	res["duplicates"] = doubled
	res["failed"] = failed
	res["peak_rss_mib"] = float64(peak) / (1 << 20)
	res["kib_per_customer"] = float64(peak-rss0) / 1024 / done
	return nil
}

// live: agents with their streams open, customers who write; each message must reach every stream once and in order.
func live(d *desk, agents, customers int, rate float64, warm, dur, drain time.Duration, body int, ps *procSet, res map[string]any) error {
	people := make([]customer, customers)
	if err := parallel(customers, 8, func(i int) error {
		h := newConn(d.a.t)
		defer h.close()
		var err error
		people[i], _, err = d.newCustomer(h, []byte("bonjour"), false)
		return err
	}); err != nil {
		return err
	}
	type stream struct {
		next                         []int // by customer
		lat                          []int64
		dup, ooo, other, bytes, seen int64
	}
	streams := make([]*stream, agents)
	var t0, t1 int64 = 1 << 62, 1 << 62
	var delivered int64
	read := func(s *stream, body *bufio.Reader) error {
		isMessage := false
		for {
			line, err := body.ReadSlice('\n')
			if err != nil {
				return err
			}
			atomic.AddInt64(&s.bytes, int64(len(line)))
			if bytes.HasPrefix(line, []byte("event: ")) {
				isMessage = bytes.HasPrefix(line, []byte("event: message.created"))
				continue
			}
			if !bytes.HasPrefix(line, []byte("data: ")) {
				continue
			}
			m, _, ok := nextMarker(line)
			if !ok || !isMessage {
				s.other++
				continue
			}
			t := now()
			switch {
			case m.seq == s.next[m.conv]:
				s.next[m.conv]++
			case m.seq < s.next[m.conv]:
				s.dup++
				continue
			default:
				s.ooo++
				s.next[m.conv] = m.seq + 1
			}
			s.seen++
			if m.t >= atomic.LoadInt64(&t0) && m.t < atomic.LoadInt64(&t1) {
				s.lat = append(s.lat, t-m.t)
				atomic.AddInt64(&delivered, 1)
			}
		}
	}
	stopping := int32(0)
	var readers sync.WaitGroup
	var conns []*hconn
	if err := parallel(agents, 4, func(i int) error {
		name, h := fmt.Sprintf("agent-%s-%d", runID, i), newConn(d.a.t)
		defer h.close()
		if _, err := d.a.call(h, "POST", deskAPI+"/agents", d.token, map[string]any{"username": name, "password": "bench password", "name": "Agent " + strconv.Itoa(i),
			"role": "agent", "inboxes": []string{d.inbox.ID}}, nil); err != nil {
			return err
		}
		helper := &desk{a: d.a, h: h}
		token, err := helper.login(name, "bench password")
		if err != nil {
			return err
		}
		s := newConn(d.a.t)
		if err := s.dial(); err != nil {
			return err
		}
		fmt.Fprintf(s.c, "GET %s%s/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n", d.a.t.prefix, deskAPI, d.a.t.host, token)
		answer, err := http.ReadResponse(s.br, nil)
		if err != nil {
			return err
		}
		if answer.StatusCode != 200 {
			return fmt.Errorf("stream: HTTP %d", answer.StatusCode)
		}
		st := &stream{next: make([]int, customers)}
		streams[i] = st
		errLog.Lock()
		conns = append(conns, s)
		errLog.Unlock()
		readers.Add(1)
		go func() {
			defer readers.Done()
			if err := read(st, bufio.NewReaderSize(answer.Body, 64<<10)); atomic.LoadInt32(&stopping) == 0 {
				fault("stream", "agent %d: %v", i, err)
			}
		}()
		return nil
	}); err != nil {
		return err
	}
	time.Sleep(time.Second)

	// Open loop: each customer writes in his turn, one request at a time.
	sent := make([]int, customers)
	queues := make([]chan int64, customers)
	var ack []int64
	var ackMu sync.Mutex
	var senders sync.WaitGroup
	for i := range queues {
		queues[i] = make(chan int64, 100000/customers+16)
		senders.Add(1)
		go func(i int) {
			defer senders.Done()
			h := newConn(d.a.t)
			defer h.close()
			u := &User{Token: people[i].token}
			for t := range queues[i] {
				if err := d.a.put(h, u, url.PathEscape(people[i].room), Marker{i, 0, sent[i], sent[i], t}.body(nil, body)); err != nil {
					fault("send", "%v", err)
					continue
				}
				sent[i]++
				ackMu.Lock()
				ack = append(ack, now()-t)
				ackMu.Unlock()
			}
		}(i)
	}
	var c0, c1, self0, self1, wall float64
	began, measuring := now(), false
	for k := 0; ; k++ {
		t := began + int64(float64(k)/rate*1e9)
		if wait := t - now(); wait > 0 {
			time.Sleep(time.Duration(wait))
		}
		if !measuring && now()-began >= int64(warm) {
			measuring = true
			c0, self0 = ps.cpuMs(), selfCPUms()
			atomic.StoreInt64(&t1, now()+int64(dur))
			atomic.StoreInt64(&t0, now())
			ps.startSampler()
		}
		if measuring && now() >= t1 {
			c1, self1 = ps.cpuMs(), selfCPUms()
			wall = float64(now()-t0) / 1e9
			break
		}
		queues[k%customers] <- t
	}
	for i := range queues {
		close(queues[i])
	}
	senders.Wait()
	total := 0
	for _, n := range sent {
		total += n
	}
	for end := time.Now().Add(drain); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		behind := false
		for _, s := range streams {
			for i := range sent {
				behind = behind || s.next[i] < sent[i]
			}
		}
		if !behind {
			break
		}
	}
	peak, _ := ps.stopSampler()
	atomic.StoreInt32(&stopping, 1)
	for _, c := range conns {
		c.close()
	}
	readers.Wait()
	var lat []int64
	var dup, ooo, lost, other, size int64
	for _, s := range streams {
		lat = append(lat, s.lat...)
		dup, ooo, other, size = dup+s.dup, ooo+s.ooo, other+s.other, size+s.bytes
		lost += int64(total) - s.seen
	}
	L, A := summarize(lat), summarize(ack)
	updates := float64(delivered)
	res["agents"], res["customers"], res["rate"], res["window_s"] = agents, customers, rate, wall
	res["messages"] = total
	res["updates_per_s"] = updates / wall
	res["lat_ms"] = map[string]float64{"p50": L.P50, "p95": L.P95, "p99": L.P99, "max": L.Max, "mean": L.Mean}
	res["send_ack_ms"] = map[string]float64{"p50": A.P50, "p99": A.P99, "max": A.Max}
	res["cpu_ms_per_update"] = (c1 - c0) / updates
	res["cpu_ms_per_message"] = (c1 - c0) / (updates / float64(agents))
	res["server_cpu_cores"] = (c1 - c0) / 1000 / wall
	res["client_cpu_cores"] = (self1 - self0) / 1000 / wall
	res["other_events"], res["bytes_per_update"] = other, float64(size)/float64(total*agents)
	res["lost"], res["duplicates"], res["out_of_order"] = lost, dup, ooo
	res["peak_rss_mib"] = float64(peak) / (1 << 20)
	return nil
}
