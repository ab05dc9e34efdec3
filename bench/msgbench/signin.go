package main

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"time"
)

// signin: everybody signs in at once, with passwords that cost what they should, while two people go on talking.
// A sign-in is login, filter and first sync on a new connection, from when it is wanted to when it can be shown.
func signin(a *matrixAdapter, users []User, par int, ps *procSet, res map[string]any) error {
	talk := make(chan int64, 100000) // latencies of the conversation that goes on
	for i := 0; i < 2; i++ {
		if err := a.Start(i, &users[i], func(c int, m Marker, t int64) bool {
			if c == 1 {
				talk <- t - m.t
			}
			return true
		}); err != nil {
			return err
		}
	}
	defer a.Close()
	stop := make(chan struct{})
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for k := 0; ; k++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				if err := a.Send(0, &users[0], 0, false, Marker{0, 0, k, k, now()}.body(nil, 140)); err != nil {
					fault("send", "%v", err)
				}
			}
		}
	}()
	taken := func() map[string]float64 {
		var l []int64
		for len(talk) > 0 {
			l = append(l, <-talk)
		}
		s := summarize(l)
		return map[string]float64{"p50": s.P50, "p99": s.P99, "max": s.Max, "n": float64(s.N)}
	}
	time.Sleep(5 * time.Second)
	res["talk_before_ms"] = taken()

	people := users[2:]
	logins, syncs, whole := make([]int64, len(people)), make([]int64, len(people)), make([]int64, len(people))
	var refused int64
	ps.startSampler()
	c0, self0, t0 := ps.cpuMs(), selfCPUms(), now()
	err := parallel(len(people), par, func(i int) error {
		u := people[i]
		h := newConn(a.t)
		defer h.close()
		began := now()
		var l struct {
			Token string `json:"access_token"`
			Retry int    `json:"retry_after_ms"`
		}
		for try := 0; ; try++ {
			st, err := a.call(h, "POST", api+"/login", "", map[string]any{"type": "m.login.password",
				"identifier": map[string]any{"type": "m.id.user", "user": u.Name}, "password": u.Pass, "initial_device_display_name": "storm"}, &l)
			if err == nil && st == 200 {
				break
			}
			if st != 503 || try > 100 {
				return fmt.Errorf("login: %d %w", st, err)
			}
			atomic.AddInt64(&refused, 1) // busy: as clients do, again in a second
			time.Sleep(time.Second)
		}
		logins[i] = now() - began
		u.Token = l.Token
		filter, err := a.uploadFilter(h, &u, 20)
		if err != nil {
			return err
		}
		s := now()
		st, b, err := h.do("GET", api+"/sync?timeout=0&set_presence=offline&filter="+url.QueryEscape(filter), u.Token, nil, 120*time.Second)
		if err != nil || st != 200 {
			return fmt.Errorf("first sync: %d %v %.200s", st, err, b)
		}
		syncs[i], whole[i] = now()-s, now()-began
		return nil
	})
	if err != nil {
		return err
	}
	wall, cpu, self := float64(now()-t0)/1e9, ps.cpuMs()-c0, selfCPUms()-self0
	res["talk_during_ms"] = taken()
	close(stop)
	peak, _ := ps.stopSampler()
	n := float64(len(people))
	for name, l := range map[string][]int64{"login_ms": logins, "sync_ms": syncs, "lat_ms": whole} {
		s := summarize(l)
		res[name] = map[string]float64{"p50": s.P50, "p99": s.P99, "max": s.Max, "mean": s.Mean}
	}
	res["people"], res["at_once"], res["refused"] = len(people), par, refused
	res["sign_ins_per_s"] = n / wall
	res["cpu_ms_per_sign_in"] = cpu / n
	res["client_cpu_ms_per_sign_in"] = self / n
	res["peak_rss_mib"] = float64(peak) / (1 << 20)
	return nil
}
