package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The Matrix adapter uses nothing but the client-server API: open registration
// with m.login.dummy (or Synapse's shared-secret registration), createRoom,
// join, PUT send, GET sync, GET messages, filter, login.

type matrixAdapter struct {
	t            target
	serverName   string
	sharedSecret string
	syncTimeout  int // ms
	tlLimit      int
	sliding      string // path of simplified sliding sync, or ""
	rooms        []string
	roomIdx      map[string]int
	users        []User

	mu      sync.Mutex
	clients map[int]*mxClient
	txn     int64

	nSync, nSyncBytes, nSyncEmpty, nLimited, nBackfill, nStrict, nSendRetry, nLimitExceeded int64
}

type mxClient struct {
	send, sync *hconn
	sendMu     sync.Mutex
	since      string
	filter     string
	stop       int32
	done       chan struct{}
	polls      int64
	lastOK     int64
}

const api = "/_matrix/client/v3"

func (a *matrixAdapter) call(h *hconn, method, path, token string, in any, out any) (int, error) {
	var body []byte
	if in != nil {
		if raw, ok := in.([]byte); ok {
			body = raw
		} else {
			body, _ = json.Marshal(in)
		}
	}
	for try := 0; ; try++ {
		st, b, err := h.do(method, path, token, body, 120*time.Second)
		if err != nil {
			return 0, err
		}
		if st == 429 && try < 50 {
			atomic.AddInt64(&a.nLimitExceeded, 1)
			var r struct {
				RetryAfterMs int `json:"retry_after_ms"`
			}
			json.Unmarshal(b, &r)
			if r.RetryAfterMs <= 0 {
				r.RetryAfterMs = 500
			}
			time.Sleep(time.Duration(r.RetryAfterMs) * time.Millisecond)
			continue
		}
		if out != nil && (st < 300 || st == 401) {
			if err := json.Unmarshal(b, out); err != nil {
				return st, fmt.Errorf("%s %s: %d %v: %.200s", method, path, st, err, b)
			}
		}
		if st >= 300 && st != 401 {
			return st, fmt.Errorf("%s %s: HTTP %d %.300s", method, path, st, b)
		}
		return st, nil
	}
}

func (a *matrixAdapter) Register(users []User, par int) error {
	pool := connPool{t: a.t}
	defer pool.close()
	return parallel(len(users), par, func(i int) error {
		u := &users[i]
		h := pool.get()
		defer pool.put(h)
		var r struct {
			UserID      string `json:"user_id"`
			AccessToken string `json:"access_token"`
			Session     string `json:"session"`
		}
		if a.sharedSecret != "" {
			var n struct{ Nonce string }
			if _, err := a.call(h, "GET", "/_synapse/admin/v1/register", "", nil, &n); err != nil {
				return err
			}
			mac := hmac.New(sha1.New, []byte(a.sharedSecret))
			fmt.Fprintf(mac, "%s\x00%s\x00%s\x00notadmin", n.Nonce, u.Name, u.Pass)
			if _, err := a.call(h, "POST", "/_synapse/admin/v1/register", "", map[string]any{"nonce": n.Nonce, "username": u.Name,
				"password": u.Pass, "admin": false, "mac": hex.EncodeToString(mac.Sum(nil))}, &r); err != nil {
				return err
			}
		} else {
			req := map[string]any{"username": u.Name, "password": u.Pass, "device_id": "BENCH", "inhibit_login": false,
				"auth": map[string]any{"type": "m.login.dummy"}}
			st, err := a.call(h, "POST", api+"/register", "", req, &r)
			if err != nil {
				return err
			}
			if st == 401 && r.Session != "" {
				req["auth"] = map[string]any{"type": "m.login.dummy", "session": r.Session}
				if st, err = a.call(h, "POST", api+"/register", "", req, &r); err != nil {
					return err
				}
			}
			if st != 200 {
				return fmt.Errorf("register: HTTP %d", st)
			}
		}
		if r.AccessToken == "" {
			return fmt.Errorf("register: no access_token")
		}
		u.ID, u.Token = r.UserID, r.AccessToken
		return nil
	})
}

type connPool struct {
	t  target
	mu sync.Mutex
	l  []*hconn
}

func (p *connPool) get() *hconn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.l); n > 0 {
		h := p.l[n-1]
		p.l = p.l[:n-1]
		return h
	}
	return newConn(p.t)
}
func (p *connPool) put(h *hconn) { p.mu.Lock(); p.l = append(p.l, h); p.mu.Unlock() }
func (p *connPool) close() {
	for _, h := range p.l {
		h.close()
	}
}

func (a *matrixAdapter) createRoom(h *hconn, token string, req map[string]any) (string, error) {
	var r struct {
		RoomID string `json:"room_id"`
	}
	_, err := a.call(h, "POST", api+"/createRoom", token, req, &r)
	return r.RoomID, err
}

func (a *matrixAdapter) join(h *hconn, token, room string) error {
	_, err := a.call(h, "POST", api+"/rooms/"+url.PathEscape(room)+"/join", token, map[string]any{}, nil)
	return err
}

func (a *matrixAdapter) Pairs(users []User, par int) ([]string, error) {
	n := len(users) / 2
	convs := make([]string, n)
	pool := connPool{t: a.t}
	defer pool.close()
	err := parallel(n, par, func(i int) error {
		h := pool.get()
		defer pool.put(h)
		x, y := users[2*i], users[2*i+1]
		id, err := a.createRoom(h, x.Token, map[string]any{"preset": "trusted_private_chat", "is_direct": true, "invite": []string{y.ID}})
		if err != nil {
			return err
		}
		convs[i] = id
		return a.join(h, y.Token, id)
	})
	return convs, err
}

func (a *matrixAdapter) Rooms(users []User, members [][]int, par int) ([]string, error) {
	convs := make([]string, len(members))
	pool := connPool{t: a.t}
	defer pool.close()
	err := parallel(len(members), par, func(i int) error {
		h := pool.get()
		defer pool.put(h)
		id, err := a.createRoom(h, users[members[i][0]].Token, map[string]any{"preset": "public_chat", "name": "room " + strconv.Itoa(i)})
		if err != nil {
			return err
		}
		convs[i] = id
		for _, m := range members[i][1:] {
			if err := a.join(h, users[m].Token, id); err != nil {
				return err
			}
		}
		return nil
	})
	return convs, err
}

func (a *matrixAdapter) setState(st *State) {
	a.users = st.Users
	a.rooms = make([]string, len(st.Convs))
	a.roomIdx = map[string]int{}
	for i, r := range st.Convs {
		a.rooms[i] = url.PathEscape(r)
		a.roomIdx[r] = i
	}
}

// Join has nothing to do: membership is lasting.
func (a *matrixAdapter) Join(users []User, convs []string, members [][]int) error { return nil }

func (a *matrixAdapter) filterJSON(limit int) map[string]any {
	return map[string]any{
		"presence": map[string]any{"not_types": []string{"*"}},
		"room": map[string]any{
			"timeline": map[string]any{"limit": limit, "unread_thread_notifications": true},
			"state":    map[string]any{"lazy_load_members": true},
		},
	}
}

func (a *matrixAdapter) uploadFilter(h *hconn, u *User, limit int) (string, error) {
	var r struct {
		FilterID string `json:"filter_id"`
	}
	_, err := a.call(h, "POST", api+"/user/"+url.PathEscape(u.ID)+"/filter", u.Token, a.filterJSON(limit), &r)
	return r.FilterID, err
}

func (a *matrixAdapter) Start(i int, u *User, h Handler) error {
	c := &mxClient{send: newConn(a.t), sync: newConn(a.t), done: make(chan struct{})}
	var err error
	if c.filter, err = a.uploadFilter(c.sync, u, a.tlLimit); err != nil {
		return err
	}
	st, b, err := c.sync.do("GET", api+"/sync?timeout=0&set_presence=offline&filter="+url.QueryEscape(c.filter), u.Token, nil, 120*time.Second)
	if err != nil {
		return err
	}
	if st != 200 {
		return fmt.Errorf("first sync: HTTP %d %.300s", st, b)
	}
	nb, ok := jsonString(b, `"next_batch"`)
	if !ok {
		return fmt.Errorf("first sync without next_batch")
	}
	c.since = nb
	a.mu.Lock()
	if a.clients == nil {
		a.clients = map[int]*mxClient{}
	}
	a.clients[i] = c
	a.mu.Unlock()
	go a.syncLoop(i, u, c, h)
	return nil
}

// jsonString finds key in b and returns the string value after it.  A quote
// inside a JSON string is escaped, so `"next_batch"` cannot occur in content.
func jsonString(b []byte, key string) (string, bool) {
	i := bytes.Index(b, []byte(key))
	if i < 0 {
		return "", false
	}
	b = bytes.TrimLeft(b[i+len(key):], " \t\r\n")
	if len(b) == 0 || b[0] != ':' {
		return "", false
	}
	b = bytes.TrimLeft(b[1:], " \t\r\n")
	if len(b) == 0 || b[0] != '"' {
		return "", false
	}
	b = b[1:]
	j := bytes.IndexByte(b, '"')
	if j < 0 {
		return "", false
	}
	return string(b[:j]), true
}

var limitedA, limitedB = []byte(`"limited":true`), []byte(`"limited": true`)

type mxEvent struct {
	Type    string `json:"type"`
	Sender  string `json:"sender"`
	EventID string `json:"event_id"`
	Content struct {
		Body    string `json:"body"`
		MsgType string `json:"msgtype"`
	} `json:"content"`
}
type mxSync struct {
	NextBatch string `json:"next_batch"`
	Rooms     struct {
		Join map[string]struct {
			Timeline struct {
				Limited   bool      `json:"limited"`
				PrevBatch string    `json:"prev_batch"`
				Events    []mxEvent `json:"events"`
			} `json:"timeline"`
		} `json:"join"`
	} `json:"rooms"`
}

func (a *matrixAdapter) syncLoop(i int, u *User, c *mxClient, h Handler) {
	defer close(c.done)
	tail := "&timeout=" + strconv.Itoa(a.syncTimeout) + "&set_presence=offline&filter=" + url.QueryEscape(c.filter)
	nresp := i // spread the strict samples over clients
	bad := 0
	for atomic.LoadInt32(&c.stop) == 0 {
		st, b, err := c.sync.do("GET", api+"/sync?since="+url.QueryEscape(c.since)+tail, u.Token, nil, time.Duration(a.syncTimeout)*time.Millisecond+90*time.Second)
		t := now()
		if atomic.LoadInt32(&c.stop) != 0 {
			return
		}
		if err != nil || st != 200 {
			if err == nil {
				err = fmt.Errorf("HTTP %d %.200s", st, b)
			}
			fault("sync", "client %d: %v", i, err)
			bad++
			if bad > 20 {
				return
			}
			time.Sleep(200 * time.Millisecond)
			continue
		}
		bad = 0
		atomic.AddInt64(&a.nSync, 1)
		atomic.AddInt64(&c.polls, 1)
		atomic.StoreInt64(&c.lastOK, t)
		atomic.AddInt64(&a.nSyncBytes, int64(len(b)))
		nb, ok := jsonString(b, `"next_batch"`)
		if !ok {
			fault("format", "client %d: sync without next_batch: %.200s", i, b)
			return
		}
		if h != nil {
			if bytes.Contains(b, limitedA) || bytes.Contains(b, limitedB) {
				a.slowSync(i, u, c, b, t, h)
			} else {
				n := 0
				for rest := b; ; {
					m, r, ok := nextMarker(rest)
					if !ok {
						break
					}
					rest = r
					h(i, m, t)
					n++
				}
				if n == 0 {
					atomic.AddInt64(&a.nSyncEmpty, 1)
				}
				nresp++
				if n > 0 && nresp%61 == 0 {
					a.strict(i, b, n)
				}
			}
		}
		c.since = nb
	}
}

// strict decodes a response in full and checks that what the quick scan found
// is what a JSON client sees: same messages, right room, right sender.
func (a *matrixAdapter) strict(i int, b []byte, n int) {
	atomic.AddInt64(&a.nStrict, 1)
	var s mxSync
	if err := json.Unmarshal(b, &s); err != nil {
		fault("format", "sync is not JSON: %v", err)
		return
	}
	k := 0
	for room, r := range s.Rooms.Join {
		for _, e := range r.Timeline.Events {
			m, _, ok := nextMarker([]byte(e.Content.Body))
			if !ok {
				continue
			}
			k++
			if ix, known := a.roomIdx[room]; !known || ix != m.conv {
				fault("format", "message of conv %d in room %s", m.conv, room)
			}
			if m.sender < len(a.users) && a.users[m.sender].ID != e.Sender {
				fault("format", "message of %s with sender %s", a.users[m.sender].ID, e.Sender)
			}
			if e.Type != "m.room.message" || e.Content.MsgType != "m.text" || e.EventID == "" {
				fault("format", "odd event %+v", e)
			}
		}
	}
	if k != n {
		fault("format", "client %d: quick scan found %d messages, JSON has %d", i, n, k)
	}
}

// slowSync handles a response with a limited (gappy) timeline as a client
// does: page back with /messages up to the last token, then deliver in order.
func (a *matrixAdapter) slowSync(i int, u *User, c *mxClient, b []byte, t int64, h Handler) {
	var s mxSync
	if err := json.Unmarshal(b, &s); err != nil {
		fault("format", "sync is not JSON: %v", err)
		return
	}
	hc := newConn(a.t)
	defer hc.close()
	for room, r := range s.Rooms.Join {
		if r.Timeline.Limited && r.Timeline.PrevBatch != "" {
			atomic.AddInt64(&a.nLimited, 1)
			var gap []Marker
			from := r.Timeline.PrevBatch
			for page := 0; page < 200; page++ {
				var out struct {
					Chunk []mxEvent `json:"chunk"`
					End   string    `json:"end"`
				}
				_, err := a.call(hc, "GET", api+"/rooms/"+url.PathEscape(room)+"/messages?dir=b&limit=100&from="+url.QueryEscape(from)+
					"&to="+url.QueryEscape(c.since), u.Token, nil, &out)
				if err != nil {
					fault("backfill", "%v", err)
					break
				}
				atomic.AddInt64(&a.nBackfill, 1)
				for _, e := range out.Chunk {
					if m, _, ok := nextMarker([]byte(e.Content.Body)); ok {
						gap = append(gap, m)
					}
				}
				if out.End == "" || len(out.Chunk) == 0 {
					break
				}
				from = out.End
			}
			t2 := now()
			for k := len(gap) - 1; k >= 0; k-- {
				h(i, gap[k], t2)
			}
		}
		for _, e := range r.Timeline.Events {
			if m, _, ok := nextMarker([]byte(e.Content.Body)); ok {
				h(i, m, now())
			}
		}
	}
}

func (a *matrixAdapter) Send(i int, u *User, conv int, room bool, body []byte) error {
	a.mu.Lock()
	c := a.clients[i]
	a.mu.Unlock()
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	return a.put(c.send, u, a.rooms[conv], body)
}

func (a *matrixAdapter) put(h *hconn, u *User, room string, body []byte) error {
	txn := atomic.AddInt64(&a.txn, 1)
	path := api + "/rooms/" + room + "/send/m.room.message/" + runID + "." + strconv.FormatInt(txn, 10)
	j := make([]byte, 0, len(body)+48)
	j = append(j, `{"msgtype":"m.text","body":"`...)
	j = append(j, body...)
	j = append(j, `"}`...)
	for try := 0; ; try++ {
		st, b, err := h.do("PUT", path, u.Token, j, 120*time.Second)
		if err == nil && st == 200 {
			return nil
		}
		if atomic.LoadInt32(&h.dead) != 0 {
			return errDead
		}
		if err == nil {
			err = fmt.Errorf("HTTP %d %.200s", st, b)
		}
		if try == 5 {
			return err
		}
		fault("send", "%v", err)
		atomic.AddInt64(&a.nSendRetry, 1)
		time.Sleep(100 * time.Millisecond)
	}
}

func (a *matrixAdapter) Alive(i int, timeout time.Duration) bool {
	a.mu.Lock()
	c := a.clients[i]
	a.mu.Unlock()
	// its last long poll came back within one poll time plus the time allowed
	return c != nil && (c.polls > 0 && now()-atomic.LoadInt64(&c.lastOK) < int64(a.syncTimeout)*1e6+int64(timeout))
}

func (a *matrixAdapter) Counters() map[string]int64 {
	return map[string]int64{"syncs": a.nSync, "sync_bytes": a.nSyncBytes, "syncs_without_message": a.nSyncEmpty, "limited_timelines": a.nLimited,
		"backfill_pages": a.nBackfill, "strict_checked": a.nStrict, "send_retries": a.nSendRetry, "rate_limited": a.nLimitExceeded}
}

func (a *matrixAdapter) Close() {
	a.mu.Lock()
	cs := a.clients
	a.clients = map[int]*mxClient{}
	a.mu.Unlock()
	for _, c := range cs {
		atomic.StoreInt32(&c.stop, 1)
		c.sync.close()
		c.send.close()
	}
	for _, c := range cs {
		select {
		case <-c.done:
		case <-time.After(5 * time.Second):
		}
	}
}
