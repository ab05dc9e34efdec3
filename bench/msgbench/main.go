// msgbench: a load generator for Matrix servers, and for XMPP servers to compare with.
//
// A message counts when the client of its receiver has read it.  The main
// number is server CPU time per delivered message (all server processes, from
// /proc), which stays meaningful on a shared machine.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"sort"
	"strings"
	"time"
)

var calibSum, calibN float64

var started = time.Now()

func logf(f string, a ...any) {
	fmt.Fprintf(os.Stderr, "[%6.1f] %s\n", time.Since(started).Seconds(), fmt.Sprintf(f, a...))
}

func main() {
	debug.SetGCPercent(400)
	var (
		work    = flag.String("work", "pairs", "pairs | rooms | idle | coldstart | history | signin | widget | live | echo | echo-server | http")
		proto   = flag.String("proto", "matrix", "matrix | xmpp")
		label   = flag.String("label", "", "name of the server in the result")
		base    = flag.String("base", "http://127.0.0.1:8008", "Matrix base URL (plain http); for -work http the full URL")
		domain  = flag.String("server-name", "localhost", "Matrix server name, XMPP domain")
		muc     = flag.String("muc", "", "XMPP domain of rooms (default conference.<server-name>)")
		secret  = flag.String("shared-secret", "", "Synapse registration shared secret (default: open registration with m.login.dummy)")
		pids    = flag.String("pids", "", "server PIDs, comma-separated, or @pidfile; descendants are included")
		users   = flag.Int("users", 100, "pairs: users; rooms: distinct users (0 = rooms*members)")
		rooms   = flag.Int("rooms", 20, "rooms, coldstart: number of rooms")
		members = flag.Int("members", 20, "rooms: members per room")
		clients = flag.Int("clients", 2000, "idle: clients")
		msgs    = flag.Int("msgs", 20, "coldstart: messages per room")
		total   = flag.Int("total", 5000, "history: messages in the room")
		page    = flag.Int("page", 100, "history: page size")
		repeat  = flag.Int("repeat", 5, "coldstart, history: passes")
		rate    = flag.Float64("rate", 0, "open loop at this many messages/s (0 = closed loop)")
		window  = flag.Int("window", 1, "closed loop: messages in flight per conversation")
		body    = flag.Int("body", 140, "message body bytes")
		warm    = flag.Duration("warm", 3*time.Second, "warm-up")
		dur     = flag.Duration("dur", 20*time.Second, "measured time")
		hold    = flag.Duration("hold", 60*time.Second, "idle: hold time")
		drain   = flag.Duration("drain", 60*time.Second, "longest wait for stragglers")
		par     = flag.Int("par", 4, "parallelism of set-up")
		cpar    = flag.Int("connect-par", 16, "parallelism of connecting")
		stateF  = flag.String("state", "", "state file: load it if there, else do the set-up and store it")
		setup   = flag.Bool("setup-only", false, "stop after set-up")
		addr    = flag.String("addr", "127.0.0.1:5222", "XMPP: address of the server; echo: address to listen on or to load")
		srcs    = flag.Int("sources", 32, "number of 127.0.x.y source addresses")
		syncTO  = flag.Int("sync-timeout", 30000, "Matrix long-poll time in ms")
		tlLimit = flag.Int("timeline-limit", 50, "Matrix sync filter timeline limit")
		sliding = flag.String("sliding", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", "coldstart: simplified sliding sync path, empty = skip")
		owner   = flag.String("owner", "", "widget, live: an administrator's name")
		ownerPW = flag.String("owner-password", "", "widget, live: his password")
		agents  = flag.Int("agents", 50, "live: agents with their streams open")
		people  = flag.Int("customers", 100, "live: customers who write")
		prof    = flag.String("cpuprofile", "", "write a CPU profile of msgbench itself")
		prefix  = flag.String("prefix", "", "user name prefix (default random)")
		pretty  = flag.Bool("table", true, "print a table on stderr")
	)
	flag.Parse()
	numSrc = *srcs
	if *prof != "" {
		f, _ := os.Create(*prof)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	var rb [4]byte
	rand.Read(rb[:])
	setRun(hex.EncodeToString(rb[:]))
	if *prefix == "" {
		*prefix = "u" + hex.EncodeToString(rb[:3])
	}
	if *work == "echo-server" {
		fail(echoServer(*addr))
	}
	calibSum, calibN = calibrate()+calibrate(), 2
	roots, err := parsePIDs(*pids)
	fail(err)
	ps := newProcSet(roots)
	res := map[string]any{"label": *label, "proto": *proto, "work": *work, "load_before": loadavg(), "at": time.Now().UTC().Format(time.RFC3339)}
	if len(roots) == 0 {
		res["note"] = "no -pids: no server CPU or memory"
	}

	switch *work {
	case "echo":
		res["bytes"] = *body
		fail(echoLoad(*addr, *body, *clients, *warm, *dur, ps, res))
		finish(res, *pretty)
		return
	case "http":
		fail(httpLoad(*base, *clients, *warm, *dur, ps, res))
		finish(res, *pretty)
		return
	}

	var ad Adapter
	mx := &matrixAdapter{serverName: *domain, sharedSecret: *secret, syncTimeout: *syncTO, tlLimit: *tlLimit, sliding: *sliding}
	switch *proto {
	case "matrix":
		mx.t, err = parseBase(*base)
		fail(err)
		ad = mx
	case "xmpp":
		if *muc == "" {
			*muc = "conference." + *domain
		}
		ad = &xmppAdapter{addr: *addr, domain: *domain, muc: *muc}
	default:
		fail(fmt.Errorf("unknown protocol %q", *proto))
	}
	switch *work {
	case "coldstart", "signin", "widget", "live":
		if *proto != "matrix" {
			fail(fmt.Errorf("%s is a work of Matrix", *work))
		}
	}
	switch *work {
	case "widget", "live":
		d, err := openDesk(mx, *owner, *ownerPW)
		fail(err)
		if *work == "widget" {
			err = widgetStorm(d, *rate, *dur, *cpar, *body, ps, res)
		} else {
			err = live(d, *agents, *people, *rate, *warm, *dur, *drain, *body, ps, res)
		}
		fail(err)
		finish(res, *pretty)
		return
	}

	nu := *users
	var mem [][]int
	switch *work {
	case "rooms":
		if nu == 0 {
			nu = *rooms * *members
		}
		mem = roomMembers(nu, *rooms, *members)
	case "idle":
		nu = *clients
	case "coldstart", "history":
		nu = 2
	case "pairs", "signin":
		nu &^= 1
		mem = pairMembers(nu)
	}

	// ---- set-up
	var st State
	loaded := false
	if *stateF != "" {
		if b, err := os.ReadFile(*stateF); err == nil {
			fail(json.Unmarshal(b, &st))
			loaded = true
			if len(st.Meta) > 0 && len(st.Meta[0]) > 0 {
				setRun(st.Meta[0][0])
			}
			logf("state %s: %d users, %d conversations", *stateF, len(st.Users), len(st.Convs))
		}
	}
	if !loaded {
		st.Users = make([]User, nu)
		for i := range st.Users {
			st.Users[i] = User{Name: fmt.Sprintf("%sn%d", *prefix, i), Pass: fmt.Sprintf("pw-%s-%d", *prefix, i)}
		}
		c0, t0 := ps.cpuMs(), time.Now()
		logf("registering %d users", nu)
		fail(ad.Register(st.Users, *par))
		res["register_per_s"] = float64(nu) / time.Since(t0).Seconds()
		res["register_cpu_ms_per_user"] = (ps.cpuMs() - c0) / float64(nu)
		c1, t1 := ps.cpuMs(), time.Now()
		switch *work {
		case "pairs", "signin":
			st.Convs, err = ad.Pairs(st.Users, *par)
		case "rooms":
			st.Convs, err = ad.Rooms(st.Users, mem, *par)
		case "coldstart":
			st.Convs, err = mx.coldSetup(st.Users, *rooms, *msgs, *body, *par)
			st.Meta = [][]string{{runID}}
		case "history":
			st.Meta = [][]string{{runID}}
			st.Convs, err = ad.Rooms(st.Users, [][]int{{0, 1}}, 1)
			if err == nil {
				ad.setState(&st)
				logf("filling the room with %d messages", *total)
				err = ad.Fill(st.Users, st.Convs[0], *total, *body)
				if err == nil {
					res["fill_cpu_ms_per_msg"] = (ps.cpuMs() - c1) / float64(*total)
					res["fill_per_s"] = float64(*total) / time.Since(t1).Seconds()
				}
			}
		}
		fail(err)
		logf("set-up done: %d conversations", len(st.Convs))
		if *stateF != "" {
			b, _ := json.Marshal(st)
			fail(os.WriteFile(*stateF, b, 0o600))
		}
	}
	if *work == "idle" && len(st.Users) > nu { // a state with more accounts than needed
		st.Users = st.Users[:nu]
	}
	if len(st.Users) < nu {
		fail(fmt.Errorf("the state has %d users, this work needs %d", len(st.Users), nu))
	}
	ad.setState(&st)
	if *setup {
		res["setup_only"] = true
		finish(res, *pretty)
		return
	}

	// ---- the work
	switch *work {
	case "pairs", "rooms":
		res["users"] = len(st.Users)
		if *work == "rooms" {
			res["rooms"], res["members"] = *rooms, *members
		} else {
			res["pairs"] = len(mem)
		}
		res["loop"] = "closed"
		if *rate > 0 {
			res["loop"] = "open"
			res["rate"] = *rate
		} else {
			res["window"] = *window
		}
		res["body_bytes"] = *body
		err = traffic(ad, st.Users, st.Convs, mem, ps, trafficOpts{room: *work == "rooms", open: *rate > 0, rate: *rate, window: *window,
			body: *body, warm: *warm, dur: *dur, drain: *drain, connectPar: *cpar, maxBacklog: 100000}, res)
	case "idle":
		err = idle(ad, st.Users, ps, *hold, *cpar, res)
	case "signin":
		err = signin(mx, st.Users, *cpar, ps, res)
	case "coldstart":
		err = mx.coldMeasure(st.Users, st.Convs, *msgs, *repeat, ps, res)
	case "history":
		err = history(ad, st.Users, st.Convs, *total, *page, *repeat, ps, res)
	default:
		err = fmt.Errorf("unknown work %q", *work)
	}
	fail(err)
	c := map[string]int64{}
	for k, v := range ad.Counters() {
		if v != 0 {
			c[k] = v
		}
	}
	c["connections"], c["redials"] = nConns, nRedials
	res["counters"] = c
	finish(res, *pretty)
}

func finish(res map[string]any, table bool) {
	res["errors"] = errLog.n
	if errLog.n > 0 {
		res["error_kinds"] = errLog.kinds
	}
	calibSum, calibN = calibSum+calibrate()+calibrate(), calibN+2
	res["calib_cpu_ms"] = calibSum / calibN
	res["load_after"] = loadavg()
	if table {
		printTable(res)
	}
	b, err := json.Marshal(rounded(res))
	fail(err)
	fmt.Println(string(b))
}

func rounded(v any) any {
	switch x := v.(type) {
	case float64:
		return jsonNum(x)
	case map[string]any:
		o := map[string]any{}
		for k, e := range x {
			o[k] = rounded(e)
		}
		return o
	case map[string]float64:
		o := map[string]any{}
		for k, e := range x {
			o[k] = jsonNum(e)
		}
		return o
	case []float64:
		o := make([]any, len(x))
		for i, e := range x {
			o[i] = jsonNum(e)
		}
		return o
	}
	return v
}

func jsonNum(x float64) any {
	if x != x || x > 1e300 || x < -1e300 {
		return nil
	}
	return json.Number(strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.4f", x), "0"), "."))
}

func printTable(res map[string]any) {
	var ks []string
	for k := range res {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	for _, k := range ks {
		b, _ := json.Marshal(rounded(map[string]any{"v": res[k]}).(map[string]any)["v"])
		fmt.Fprintf(os.Stderr, "  %-28s %s\n", k, b)
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "msgbench:", err)
		os.Exit(1)
	}
}
