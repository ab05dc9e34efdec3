package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The XMPP adapter, for servers to compare with: plain streams, SASL PLAIN,
// in-band registration, chat messages, group chat (XEP-0045) and the archive
// (XEP-0313).  A message is one stanza in and one stanza out.

type xmppAdapter struct {
	addr, domain, muc string
	rooms             []string
	users             []User

	mu      sync.Mutex
	clients map[int]*xmppConn
	seq     int64

	nStanzas, nBytes, nStrict int64
}

type xmppConn struct {
	c    net.Conn
	r    *bufio.Reader
	buf  []byte
	out  []byte
	wmu  sync.Mutex
	feat string

	imu  sync.Mutex
	wait map[string]chan string // answers by id of the question, or by the occupant who enters
	stop int32
	done chan struct{}
}

var errStreamEnd = errors.New("the server closed the stream")

// element reads one whole element at the top level of the stream, or the start
// of the stream itself.  Its bytes are valid until the next call.
func (x *xmppConn) element() ([]byte, error) {
	x.buf = x.buf[:0]
	for depth, done := 0, 0; ; { // done: where the last tag ended
		part, err := x.r.ReadSlice('>')
		x.buf = append(x.buf, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return nil, err
		}
		i := bytes.LastIndexByte(x.buf[done:], '<')
		if i < 0 || inQuotes(x.buf[done+i:]) { // a ">" in a text or in an attribute
			continue
		}
		tag := x.buf[done+i:]
		done = len(x.buf)
		switch {
		case tag[1] == '?':
			x.buf, done = x.buf[:0], 0
			continue
		case tag[1] == '/':
			depth--
		case tag[len(tag)-2] == '/':
		case depth == 0 && bytes.HasPrefix(tag, []byte("<stream:stream")):
			return tag, nil
		default:
			depth++
		}
		if depth < 0 {
			return nil, errStreamEnd
		}
		if depth == 0 {
			return bytes.TrimLeft(x.buf, " \r\n\t"), nil
		}
	}
}

func inQuotes(tag []byte) bool {
	var quote byte
	for _, b := range tag {
		switch {
		case quote == 0 && (b == '"' || b == '\''):
			quote = b
		case b == quote:
			quote = 0
		}
	}
	return quote != 0
}

func (x *xmppConn) write(xml string) error {
	x.wmu.Lock()
	defer x.wmu.Unlock()
	_, err := x.c.Write([]byte(xml))
	return err
}

// ask writes and reads the next element: before the reader of a stream runs.
func (x *xmppConn) ask(xml string) ([]byte, error) {
	if err := x.write(xml); err != nil {
		return nil, err
	}
	return x.element()
}

func (a *xmppAdapter) dial() (*xmppConn, error) {
	c, err := dialFrom(a.addr, nextSrc())
	if err != nil {
		return nil, err
	}
	x := &xmppConn{c: c, r: bufio.NewReaderSize(c, 4096)}
	c.SetDeadline(time.Now().Add(60 * time.Second))
	if err := a.open(x); err != nil {
		c.Close()
		return nil, err
	}
	return x, nil
}

func (a *xmppAdapter) open(x *xmppConn) error {
	b, err := x.ask("<?xml version='1.0'?><stream:stream to='" + a.domain + "' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
	if err == nil && bytes.HasPrefix(b, []byte("<stream:stream")) {
		b, err = x.element()
	}
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(b, []byte("<stream:features")) {
		return fmt.Errorf("unexpected start of a stream: %.300s", b)
	}
	x.feat = string(b)
	return nil
}

func (a *xmppAdapter) login(u *User, resource string) (*xmppConn, error) {
	x, err := a.dial()
	if err != nil {
		return nil, err
	}
	step := func(xml, wanted string) {
		if err != nil {
			return
		}
		var b []byte
		if b, err = x.ask(xml); err == nil && !bytes.Contains(b, []byte(wanted)) {
			err = fmt.Errorf("%s: wanted %s, got %.300s", u.Name, wanted, b)
		}
	}
	step("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"+base64.StdEncoding.EncodeToString([]byte("\x00"+u.Name+"\x00"+u.Pass))+"</auth>", "<success")
	if err == nil {
		err = a.open(x)
	}
	step("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>"+resource+"</resource></bind></iq>", "<jid>")
	if bytes.Contains([]byte(x.feat), []byte("xmpp-session")) && !bytes.Contains([]byte(x.feat), []byte("<optional")) {
		step("<iq type='set' id='sess'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>", "result")
	}
	if err != nil {
		x.c.Close()
		return nil, err
	}
	x.c.SetDeadline(time.Time{})
	return x, nil
}

func (a *xmppAdapter) Register(users []User, par int) error {
	return parallel(len(users), par, func(i int) error {
		u := &users[i]
		u.ID = u.Name + "@" + a.domain
		x, err := a.dial()
		if err != nil {
			return err
		}
		defer x.c.Close()
		b, err := x.ask("<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>" + u.Name + "</username><password>" + u.Pass + "</password></query></iq>")
		if err == nil && attr(b, "type") != "result" {
			err = fmt.Errorf("register: %.300s", b)
		}
		x.write("</stream:stream>")
		return err
	})
}

// attr is an attribute of the start tag of b.
func attr(b []byte, name string) string {
	for _, quote := range []string{"'", "\""} {
		if i := bytes.Index(b, []byte(" "+name+"="+quote)); i >= 0 && !bytes.ContainsRune(b[:i], '>') {
			rest := b[i+len(name)+3:]
			if j := bytes.IndexByte(rest, quote[0]); j >= 0 {
				return string(rest[:j])
			}
		}
	}
	return ""
}

func hasCode(b []byte, code string) bool {
	return bytes.Contains(b, []byte("code='"+code+"'")) || bytes.Contains(b, []byte("code=\""+code+"\""))
}

// Pairs needs no set-up: one writes to an address.
func (a *xmppAdapter) Pairs(users []User, par int) ([]string, error) {
	return make([]string, len(users)/2), nil
}

// Rooms gives names; Join makes the rooms.
func (a *xmppAdapter) Rooms(users []User, members [][]int, par int) ([]string, error) {
	out := make([]string, len(members))
	for i := range out {
		out[i] = fmt.Sprintf("r%sx%d@%s", users[members[i][0]].Name, i, a.muc)
	}
	return out, nil
}

func (a *xmppAdapter) setState(st *State) { a.rooms, a.users = st.Convs, st.Users }

func (a *xmppAdapter) Start(i int, u *User, h Handler) error {
	x, err := a.login(u, "b")
	if err != nil {
		return err
	}
	x.wait, x.done = map[string]chan string{}, make(chan struct{})
	a.mu.Lock()
	if a.clients == nil {
		a.clients = map[int]*xmppConn{}
	}
	a.clients[i] = x
	a.mu.Unlock()
	go a.readLoop(i, x, h)
	if err := x.write("<presence/>"); err != nil { // from now on messages to the account come here
		return err
	}
	return a.ping(x, 60*time.Second)
}

func (a *xmppAdapter) id(letter string) string {
	return letter + strconv.FormatInt(atomic.AddInt64(&a.seq, 1), 36)
}

// await writes and waits for what the reader finds under key.
func (x *xmppConn) await(key, xml string, timeout time.Duration) (string, error) {
	ch := make(chan string, 1)
	x.imu.Lock()
	x.wait[key] = ch
	x.imu.Unlock()
	if err := x.write(xml); err != nil {
		return "", err
	}
	select {
	case s := <-ch:
		return s, nil
	case <-time.After(timeout):
		return "", fmt.Errorf("no answer to %s", key)
	}
}

func (x *xmppConn) found(key string, b []byte) {
	x.imu.Lock()
	ch := x.wait[key]
	delete(x.wait, key)
	x.imu.Unlock()
	if ch != nil {
		ch <- string(b)
	}
}

func (a *xmppAdapter) ping(x *xmppConn, timeout time.Duration) error {
	id := a.id("p")
	_, err := x.await(id, "<iq type='get' id='"+id+"' to='"+a.domain+"'><ping xmlns='urn:xmpp:ping'/></iq>", timeout)
	return err
}

func (a *xmppAdapter) readLoop(i int, x *xmppConn, h Handler) {
	defer close(x.done)
	for n := i; ; {
		b, err := x.element()
		t := now()
		if err != nil {
			if atomic.LoadInt32(&x.stop) == 0 {
				fault("stream", "client %d: %v", i, err)
			}
			return
		}
		atomic.AddInt64(&a.nStanzas, 1)
		atomic.AddInt64(&a.nBytes, int64(len(b)))
		kind := attr(b, "type")
		switch {
		case bytes.HasPrefix(b, []byte("<message")):
			m, _, ok := nextMarker(b)
			if h == nil || !ok {
				continue
			}
			if kind == "error" {
				fault("bounce", "client %d: %.400s", i, b)
				continue
			}
			h(i, m, t)
			if n++; n%61 == 0 {
				a.strict(i, b, m)
			}
		case bytes.HasPrefix(b, []byte("<iq")):
			if kind == "get" { // the server asks whether somebody is there
				x.write("<iq type='result' id='" + attr(b, "id") + "' to='" + attr(b, "from") + "'/>")
			} else {
				x.found(attr(b, "id"), b)
			}
		case bytes.HasPrefix(b, []byte("<presence")):
			if hasCode(b, "110") || kind == "error" {
				x.found("join "+attr(b, "from"), b)
			}
		case bytes.HasPrefix(b, []byte("<stream:error")):
			fault("stream", "client %d: %s", i, b)
		}
	}
}

// strict checks that what the quick scan found is one body from the right sender.
func (a *xmppAdapter) strict(i int, b []byte, m Marker) {
	atomic.AddInt64(&a.nStrict, 1)
	want := a.users[m.sender].ID + "/b"
	if room := a.rooms[m.conv]; room != "" {
		want = room + "/" + a.users[m.sender].Name
	}
	if from := attr(b, "from"); from != want || bytes.Count(b, markTag) != 1 || !bytes.Contains(b, []byte("<body>mb1|")) {
		fault("format", "client %d: from %s, wanted %s: %.300s", i, from, want, b)
	}
}

func (a *xmppAdapter) client(i int) *xmppConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.clients[i]
}

func (a *xmppAdapter) Join(users []User, convs []string, members [][]int) error {
	return parallel(len(members), 4, func(r int) error {
		for _, m := range members[r] {
			x, occupant := a.client(m), convs[r]+"/"+users[m].Name
			s, err := x.await("join "+occupant, "<presence to='"+occupant+"'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", 60*time.Second)
			if err == nil && attr([]byte(s), "type") == "error" {
				err = fmt.Errorf("%s: %.300s", occupant, s)
			}
			if err == nil && hasCode([]byte(s), "201") { // made just now: take it as it is
				id := a.id("c")
				s, err = x.await(id, "<iq type='set' id='"+id+"' to='"+convs[r]+"'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>", 30*time.Second)
				if err == nil && attr([]byte(s), "type") != "result" {
					err = fmt.Errorf("settings of %s: %.300s", convs[r], s)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *xmppAdapter) Send(i int, u *User, conv int, room bool, body []byte) error {
	x := a.client(i)
	x.wmu.Lock()
	defer x.wmu.Unlock()
	w := append(x.out[:0], "<message to='"...)
	if room {
		w = append(append(w, a.rooms[conv]...), "' type='groupchat' id='"...)
	} else {
		w = append(append(w, a.users[i^1].ID...), "' type='chat' id='"...)
	}
	w = append(append(w, a.id("m")...), "'><body>"...)
	w = append(append(w, body...), "</body></message>"...)
	x.out = w
	_, err := x.c.Write(w)
	return err
}

func (a *xmppAdapter) Alive(i int, timeout time.Duration) bool {
	x := a.client(i)
	return x != nil && a.ping(x, timeout) == nil
}

func (a *xmppAdapter) Counters() map[string]int64 {
	return map[string]int64{"stanzas": a.nStanzas, "stanza_bytes": a.nBytes, "strict_checked": a.nStrict}
}

func (a *xmppAdapter) Close() {
	a.mu.Lock()
	cs := a.clients
	a.clients = nil
	a.mu.Unlock()
	for _, x := range cs {
		atomic.StoreInt32(&x.stop, 1)
		x.c.SetWriteDeadline(time.Now().Add(2 * time.Second))
		x.write("</stream:stream>")
	}
	for _, x := range cs {
		select {
		case <-x.done:
		case <-time.After(time.Second):
		}
		x.c.Close()
	}
}

// Fill posts n messages of user 0 to the room, sixteen in flight.
func (a *xmppAdapter) Fill(users []User, conv string, n, body int) error {
	back := make(chan struct{}, n)
	for i := range users {
		i := i
		if err := a.Start(i, &users[i], func(c int, m Marker, t int64) bool {
			if c == 0 {
				back <- struct{}{}
			}
			return true
		}); err != nil {
			return err
		}
	}
	defer a.Close()
	if err := a.Join(users, []string{conv}, [][]int{{0, 1}}); err != nil {
		return err
	}
	got := 0
	wait := func(until int) error {
		for got < until {
			select {
			case <-back:
				got++
			case <-time.After(60 * time.Second):
				return fmt.Errorf("fill: only %d of %d came back", got, n)
			}
		}
		return nil
	}
	for k := 0; k < n; k++ {
		if err := wait(k - 15); err != nil {
			return err
		}
		if err := a.Send(0, &users[0], 0, true, Marker{0, 0, k, k, 1}.body(nil, body)); err != nil {
			return err
		}
	}
	return wait(n)
}

// xmppReader reads an archive backwards by pages.
type xmppReader struct {
	x            *xmppConn
	room, before string
	n            int
}

func (a *xmppAdapter) Reader(u *User, conv string) (reader, error) {
	x, err := a.login(u, a.id("h"))
	return &xmppReader{x: x, room: conv}, err
}

func (r *xmppReader) page(size int) (ms []Marker, bytesRead int, done bool, err error) {
	r.n++
	id := "q" + strconv.Itoa(r.n)
	r.x.c.SetDeadline(time.Now().Add(120 * time.Second))
	b, err := r.x.ask(fmt.Sprintf("<iq type='set' id='%s' to='%s'><query xmlns='urn:xmpp:mam:2' queryid='%s'><set xmlns='http://jabber.org/protocol/rsm'><max>%d</max><before>%s</before></set></query></iq>",
		id, r.room, id, size, r.before))
	for ; err == nil; b, err = r.x.element() {
		bytesRead += len(b)
		if bytes.HasPrefix(b, []byte("<message")) {
			if m, _, ok := nextMarker(b); ok {
				ms = append([]Marker{m}, ms...) // a page comes oldest first
			}
			continue
		}
		if attr(b, "id") != id {
			continue
		}
		if attr(b, "type") != "result" {
			return nil, 0, false, fmt.Errorf("archive: %.300s", b)
		}
		r.before = ""
		if i := bytes.Index(b, []byte("<first")); i >= 0 {
			rest := b[i:]
			rest = rest[bytes.IndexByte(rest, '>')+1:]
			r.before = string(rest[:bytes.IndexByte(rest, '<')])
		}
		done = r.before == "" || bytes.Contains(b, []byte("complete='true'")) || bytes.Contains(b, []byte("complete=\"true\""))
		return
	}
	return
}

func (r *xmppReader) close() { r.x.c.Close() }
