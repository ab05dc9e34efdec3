package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func testBench(room bool, members []int, n int) *bench {
	b := &bench{room: room, open: true, t0: 0, t1: 1 << 62}
	for i := 0; i < n; i++ {
		b.recvs = append(b.recvs, &recv{tr: map[uint64]*tracker{}, order: map[int]uint64{}, orderN: map[int]int{}})
	}
	b.convs = []*convState{{members: members, inflight: map[int]*flight{}}}
	return b
}

func TestTracker(t *testing.T) {
	b := testBench(false, []int{0, 1}, 2)
	for _, s := range []int{0, 1, 3, 2, 2, 3, 4, 0, 6} {
		b.onMsg(1, Marker{sender: 0, seq: s}, 1)
	}
	r := b.recvs[1]
	tr := r.tr[0]
	if r.dup != 3 || r.ooo != 2 || tr.received != 6 || tr.next != 5 {
		t.Fatalf("dup %d ooo %d received %d next %d", r.dup, r.ooo, tr.received, tr.next)
	}
	b.onMsg(1, Marker{sender: 1, seq: 0}, 1) // own echo is no delivery
	if r.deliveries != 6 {
		t.Fatal(r.deliveries)
	}
}

func TestRoomOrder(t *testing.T) {
	b := testBench(true, []int{0, 1}, 2)
	for mi := 0; mi < 2; mi++ {
		b.convs[0].inflight[mi] = &flight{}
	}
	x, y := Marker{sender: 0, mi: 0}, Marker{sender: 1, mi: 1}
	b.onMsg(0, x, 1)
	b.onMsg(0, y, 1)
	b.onMsg(1, y, 1)
	b.onMsg(1, x, 1)
	if b.recvs[0].order[0] == b.recvs[1].order[0] || b.compl != 2 || len(b.convs[0].inflight) != 0 {
		t.Fatal("order divergence not seen")
	}
}

func TestMarker(t *testing.T) {
	setRun("deadbeef")
	m := Marker{3, 44, 555, 6666, 77777}
	body := string(m.body(nil, 140))
	if len(body) != 140 {
		t.Fatal(len(body))
	}
	s := "<body>mb1|deadbeee|1|2|3|4|5|</body> mb1|deadbeef|1|x " + body + "mb1|deadbeef|1|2|3|4|5|"
	g, rest, ok := nextMarker([]byte(s))
	if !ok || g != m {
		t.Fatal(g, ok)
	}
	g, rest, ok = nextMarker(rest)
	if !ok || g.t != 5 {
		t.Fatal(g)
	}
	if _, _, ok = nextMarker(rest); ok {
		t.Fatal("one too many")
	}
}

func TestHTTP(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				br := bufio.NewReader(c)
				for k := 0; ; k++ {
					for {
						s, err := br.ReadString('\n')
						if err != nil {
							return
						}
						if s == "\r\n" {
							break
						}
					}
					switch k {
					case 0:
						fmt.Fprintf(c, "HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\nhello")
					case 1:
						fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Long: %s\r\n\r\n3\r\nabc\r\n", strings.Repeat("z", 9000))
						time.Sleep(5 * time.Millisecond)
						fmt.Fprintf(c, "A;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n")
					case 2: // closes an idle connection: the client must redial
						fmt.Fprintf(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
						c.Close()
						return
					}
				}
			}()
		}
	}()
	tg, _ := parseBase("http://" + l.Addr().String() + "/pre/")
	h := newConn(tg)
	want := []struct {
		st int
		b  string
	}{{200, "hello"}, {200, "abc0123456789"}, {404, ""}, {200, "hello"}}
	for i, w := range want {
		st, b, err := h.do("GET", "/x", "tok", nil, 5*time.Second)
		if err != nil || st != w.st || string(b) != w.b {
			t.Fatalf("%d: %d %q %v", i, st, b, err)
		}
	}
}

func TestRoomMembers(t *testing.T) {
	for _, c := range [][3]int{{400, 20, 20}, {100, 20, 20}, {8, 4, 5}, {20, 20, 20}} {
		cnt := map[int]int{}
		for _, m := range roomMembers(c[0], c[1], c[2]) {
			seen := map[int]bool{}
			for _, u := range m {
				if seen[u] || u >= c[0] {
					t.Fatal("twice in a room")
				}
				seen[u] = true
				cnt[u]++
			}
			if len(m) != c[2] {
				t.Fatal(len(m))
			}
		}
	}
}

func TestElements(t *testing.T) {
	const message = "<message from='a@b/c' id=\"x>y\"><body>a > b</body><x><y/><z></z></x></message>"
	in := "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='1'><stream:features><a/></stream:features>" + message + "\n <presence/>" + message + "</stream:stream>"
	for _, size := range []int{16, 40, 4096} { // of the buffer
		x := &xmppConn{r: bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(in)), size)}
		for _, want := range []string{"<stream:stream xmlns='jabber:client' id='1'>", "<stream:features><a/></stream:features>", message, "<presence/>", message} {
			if got, err := x.element(); err != nil || string(got) != want {
				t.Fatalf("size %d: %q %v, wanted %q", size, got, err, want)
			}
		}
		if _, err := x.element(); err != errStreamEnd {
			t.Fatalf("size %d: %v", size, err)
		}
	}
	if attr([]byte(message), "id") != "x>y" || attr([]byte("<a><b id='1'/></a>"), "id") != "" {
		t.Fatal("attributes")
	}
}
