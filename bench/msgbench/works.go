package main

import (
	"fmt"
	"hash/fnv"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// W1 pairs and W2 rooms.

type sendReq struct {
	conv int
	t    int64 // intended send time (open loop) or 0
}

// tracker follows one (conv, sender) stream at one receiver.
type tracker struct {
	next     int // all below were seen
	ahead    map[int]bool
	received int
}

type recv struct { // all state of one receiving client, owned by its reader
	tr         map[uint64]*tracker
	lat        []int64
	dup, ooo   int64
	deliveries int64 // in the window
	order      map[int]uint64
	orderN     map[int]int
}

type convState struct {
	mu       sync.Mutex
	members  []int
	nextMI   int
	rr       int
	inflight map[int]*flight // mi -> deliveries so far
}
type flight struct {
	n int
	t int64
}

type bench struct {
	ad      Adapter
	users   []User
	room    bool
	open    bool
	window  int
	body    int
	convs   []*convState
	queues  []chan sendReq
	recvs   []*recv
	seqs    []map[int]int // per user: conv -> next seq
	seqMu   []sync.Mutex
	t0, t1  int64 // measuring window
	halt    int32
	sent    int64
	sentWin int64
	recvd   int64
	expect  int64
	ackMu   sync.Mutex
	ackLat  []int64
	allMu   sync.Mutex
	allLat  []int64
	compl   int64 // messages complete in the window
	backlog int64
}

func (b *bench) receivers(cs *convState) int {
	if b.room {
		return len(cs.members)
	}
	return 1
}

func (b *bench) onMsg(c int, m Marker, t int64) bool {
	if !b.room && m.sender == c {
		return true // own echo of a pair message
	}
	r := b.recvs[c]
	key := uint64(m.conv)<<24 | uint64(m.sender)
	tr := r.tr[key]
	if tr == nil {
		tr = &tracker{}
		r.tr[key] = tr
	}
	switch {
	case m.seq == tr.next:
		tr.next++
		for tr.ahead != nil && tr.ahead[tr.next] {
			delete(tr.ahead, tr.next)
			tr.next++
		}
	case m.seq < tr.next || tr.ahead[m.seq]:
		r.dup++
		return false
	default: // came before one that was sent earlier
		r.ooo++
		if tr.ahead == nil {
			tr.ahead = map[int]bool{}
		}
		tr.ahead[m.seq] = true
	}
	tr.received++
	if b.room {
		h := fnv.New64a()
		var x [24]byte
		put64(x[0:], r.order[m.conv])
		put64(x[8:], uint64(m.sender))
		put64(x[16:], uint64(m.seq))
		h.Write(x[:])
		r.order[m.conv] = h.Sum64()
		r.orderN[m.conv]++
	}
	t0, t1 := atomic.LoadInt64(&b.t0), atomic.LoadInt64(&b.t1)
	in := t >= t0 && t < t1
	if in {
		r.lat = append(r.lat, t-m.t)
		r.deliveries++
	}
	atomic.AddInt64(&b.recvd, 1)
	cs := b.convs[m.conv]
	done := true
	if b.room {
		cs.mu.Lock()
		f := cs.inflight[m.mi]
		if f == nil { // cannot be: unknown message
			cs.mu.Unlock()
			fault("format", "unknown message %+v", m)
			return true
		}
		f.n++
		done = f.n == len(cs.members)
		if done {
			delete(cs.inflight, m.mi)
		}
		cs.mu.Unlock()
		if done && in {
			atomic.AddInt64(&b.compl, 1)
			b.allMu.Lock()
			b.allLat = append(b.allLat, t-m.t)
			b.allMu.Unlock()
		}
	} else if in {
		atomic.AddInt64(&b.compl, 1)
	}
	if done && !b.open && atomic.LoadInt32(&b.halt) == 0 {
		if b.room {
			cs.mu.Lock()
			s := cs.members[cs.rr%len(cs.members)]
			cs.rr++
			cs.mu.Unlock()
			b.queues[s] <- sendReq{conv: m.conv}
		} else {
			b.queues[c] <- sendReq{conv: m.conv}
		}
	}
	return true
}

func put64(b []byte, v uint64) {
	for i := 0; i < 8; i++ {
		b[i] = byte(v >> (8 * i))
	}
}

func (b *bench) sender(i int, wg *sync.WaitGroup) {
	defer wg.Done()
	var buf []byte
	for q := range b.queues[i] {
		if b.open {
			atomic.AddInt64(&b.backlog, -1)
		}
		cs := b.convs[q.conv]
		t := q.t
		if t == 0 {
			t = now()
		}
		m := Marker{conv: q.conv, sender: i, t: t}
		b.seqMu[i].Lock()
		m.seq = b.seqs[i][q.conv]
		b.seqs[i][q.conv]++
		b.seqMu[i].Unlock()
		if b.room {
			cs.mu.Lock()
			m.mi = cs.nextMI
			cs.nextMI++
			cs.inflight[m.mi] = &flight{t: t}
			cs.mu.Unlock()
		}
		buf = m.body(buf, b.body)
		atomic.AddInt64(&b.sent, 1)
		atomic.AddInt64(&b.expect, int64(b.receivers(cs)))
		s := now()
		err := b.ad.Send(i, &b.users[i], q.conv, b.room, buf)
		e := now()
		if err != nil {
			fault("send", "user %d: %v", i, err)
			continue
		}
		if s >= atomic.LoadInt64(&b.t0) && s < atomic.LoadInt64(&b.t1) {
			atomic.AddInt64(&b.sentWin, 1)
			b.ackMu.Lock()
			b.ackLat = append(b.ackLat, e-s)
			b.ackMu.Unlock()
		}
	}
}

type trafficOpts struct {
	room, open   bool
	rate         float64
	window       int
	body         int
	warm, dur    time.Duration
	drain        time.Duration
	ramp         int
	connectPar   int
	maxBacklog   int64
	latencyDebug bool
}

// traffic runs a connected population for warm+dur and fills the result.
func traffic(ad Adapter, users []User, convs []string, members [][]int, ps *procSet, o trafficOpts, res map[string]any) error {
	n := len(users)
	b := &bench{ad: ad, users: users, room: o.room, open: o.open, window: o.window, body: o.body, t0: 1 << 62, t1: 1 << 62}
	b.queues = make([]chan sendReq, n)
	b.recvs = make([]*recv, n)
	b.seqs = make([]map[int]int, n)
	b.seqMu = make([]sync.Mutex, n)
	for i := range b.queues {
		b.queues[i] = make(chan sendReq, 100000/n+64)
		b.recvs[i] = &recv{tr: map[uint64]*tracker{}, order: map[int]uint64{}, orderN: map[int]int{}}
		b.seqs[i] = map[int]int{}
	}
	for _, m := range members {
		b.convs = append(b.convs, &convState{members: m, rr: 1, inflight: map[int]*flight{}})
	}
	tc := time.Now()
	if err := parallel(n, o.connectPar, func(i int) error { return ad.Start(i, &users[i], b.onMsg) }); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	res["connect_s"] = time.Since(tc).Seconds()
	time.Sleep(500 * time.Millisecond)

	var wg sync.WaitGroup
	for i := range users {
		wg.Add(1)
		go b.sender(i, &wg)
	}
	ps.startSampler()
	stopGen := make(chan struct{})
	genDone := make(chan struct{})
	skipped := int64(0)
	if o.open {
		go func() {
			defer close(genDone)
			start := now()
			step := float64(time.Second) / o.rate
			rng := uint64(88172645463325252)
			for k := 0; ; k++ {
				t := start + int64(float64(k)*step)
				if d := t - now(); d > 0 {
					time.Sleep(time.Duration(d))
				}
				select {
				case <-stopGen:
					return
				default:
				}
				rng ^= rng << 13
				rng ^= rng >> 7
				rng ^= rng << 17
				var u, conv int
				if o.room {
					conv = int(rng % uint64(len(members)))
					u = members[conv][int((rng>>20)%uint64(len(members[conv])))]
				} else {
					u = int(rng % uint64(n))
					conv = u / 2
				}
				if atomic.AddInt64(&b.backlog, 1) > o.maxBacklog { // hopeless overload: bounded memory
					atomic.AddInt64(&b.backlog, -1)
					skipped++
					continue
				}
				b.queues[u] <- sendReq{conv: conv, t: t}
			}
		}()
	} else {
		close(genDone)
		for ci, m := range members {
			for w := 0; w < o.window; w++ {
				b.queues[m[w%len(m)]] <- sendReq{conv: ci}
			}
		}
	}
	time.Sleep(o.warm)
	cpu0, self0 := ps.cpuMs(), selfCPUms()
	busy0, tot0 := cpuBusy()
	t0 := now()
	atomic.StoreInt64(&b.t1, t0+int64(o.dur))
	atomic.StoreInt64(&b.t0, t0)
	time.Sleep(o.dur)
	cpu1, self1 := ps.cpuMs(), selfCPUms()
	busy1, tot1 := cpuBusy()
	wall := float64(now()-t0) / 1e9

	atomic.StoreInt32(&b.halt, 1)
	close(stopGen)
	<-genDone
	// let everything sent arrive
	dl := time.Now().Add(o.drain)
	last, lastChange := int64(-1), time.Now()
	for time.Now().Before(dl) {
		r, e := atomic.LoadInt64(&b.recvd), atomic.LoadInt64(&b.expect)
		if r >= e && atomic.LoadInt64(&b.backlog) == 0 {
			time.Sleep(300 * time.Millisecond) // stragglers would be duplicates
			if atomic.LoadInt64(&b.expect) == e {
				break
			}
		}
		if r != last {
			last, lastChange = r, time.Now()
		} else if time.Since(lastChange) > 15*time.Second {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	peak, np := ps.stopSampler()
	pss := ps.pss()
	ad.Close()
	for i := range b.queues {
		close(b.queues[i])
	}
	wgDone := make(chan struct{})
	go func() { wg.Wait(); close(wgDone) }()
	select {
	case <-wgDone:
	case <-time.After(5 * time.Second):
	}

	// books
	var lost, dup, ooo, deliveries, diverged int64
	var lat []int64
	for ci, cs := range b.convs {
		var ref uint64
		var refN int
		for mi, s := range cs.members {
			b.seqMu[s].Lock()
			sentHere := b.seqs[s][ci]
			b.seqMu[s].Unlock()
			for _, rcv := range cs.members {
				if !o.room && rcv == s {
					continue
				}
				got := 0
				if tr := b.recvs[rcv].tr[uint64(ci)<<24|uint64(s)]; tr != nil {
					got = tr.received
				}
				lost += int64(sentHere - got)
			}
			if o.room {
				h, k := b.recvs[s].order[ci], b.recvs[s].orderN[ci]
				if mi == 0 {
					ref, refN = h, k
				} else if h != ref || k != refN {
					diverged++
				}
			}
		}
	}
	for _, r := range b.recvs {
		lat = append(lat, r.lat...)
		dup += r.dup
		ooo += r.ooo
		deliveries += r.deliveries
	}
	L := summarize(lat)
	A := summarize(b.ackLat)
	cpu := cpu1 - cpu0
	msgs := float64(b.compl)
	res["window_s"] = wall
	res["messages"] = b.compl
	res["deliveries"] = deliveries
	res["msgs_per_s"] = msgs / wall
	res["deliveries_per_s"] = float64(deliveries) / wall
	res["lat_ms"] = map[string]float64{"p50": L.P50, "p95": L.P95, "p99": L.P99, "max": L.Max, "mean": L.Mean}
	res["send_ack_ms"] = map[string]float64{"p50": A.P50, "p95": A.P95, "p99": A.P99, "max": A.Max}
	if o.room {
		AL := summarize(b.allLat)
		res["all_members_ms"] = map[string]float64{"p50": AL.P50, "p95": AL.P95, "p99": AL.P99, "max": AL.Max}
		res["order_divergence"] = diverged
	}
	res["server_cpu_ms"] = cpu
	res["server_cpu_cores"] = cpu / 1000 / wall
	if msgs > 0 {
		// deliveries/receivers is steadier than counting completions at the edges
		per := float64(deliveries)
		if o.room {
			per /= float64(len(members[0]))
		}
		res["cpu_ms_per_msg"] = cpu / per
		res["cpu_ms_per_delivery"] = cpu / float64(deliveries)
		res["client_cpu_ms_per_msg"] = (self1 - self0) / per
	}
	res["client_cpu_cores"] = (self1 - self0) / 1000 / wall
	if tot1 > tot0 {
		mine := (cpu + self1 - self0) / 10
		res["machine_busy_pct"] = 100 * float64(busy1-busy0) / float64(tot1-tot0)
		res["other_busy_pct"] = 100 * (float64(busy1-busy0) - mine) / float64(tot1-tot0)
	}
	res["peak_rss_mib"] = float64(peak) / (1 << 20)
	res["pss_mib"] = float64(pss) / (1 << 20)
	res["processes"] = np
	res["sent_total"] = b.sent
	res["lost"] = lost
	res["duplicates"] = dup
	res["out_of_order"] = ooo
	if o.open {
		res["not_sent_overload"] = skipped
	}
	return nil
}

func pairMembers(n int) [][]int {
	var m [][]int
	for i := 0; i+1 < n; i += 2 {
		m = append(m, []int{i, i + 1})
	}
	return m
}

// roomMembers spreads U users over R rooms of M members.
func roomMembers(U, R, M int) [][]int {
	out := make([][]int, R)
	for r := range out {
		seen := map[int]bool{}
		for k := 0; len(out[r]) < M && k < U; k++ {
			// a different stride per room, so that rooms overlap when U < R*M
			u := (r*M + k*(1+(r*M)/U)) % U
			for seen[u] {
				u = (u + 1) % U
			}
			seen[u] = true
			out[r] = append(out[r], u)
		}
		sort.Ints(out[r])
	}
	return out
}
