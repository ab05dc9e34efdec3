package main

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// User is one registered account; the whole list can be stored with -state.
type User struct {
	Name  string `json:"name"` // localpart
	ID    string `json:"id"`   // full user id, or address without a resource
	Pass  string `json:"pass"`
	Token string `json:"token,omitempty"`
}

// State is what set-up leaves behind, so that a measurement can follow a
// restart of the server.
type State struct {
	Users []User     `json:"users"`
	Convs []string   `json:"convs"`
	Meta  [][]string `json:"meta,omitempty"`
}

// Handler receives every message of this run seen by client c, with the time
// (ns since start) at which the client had read it.  It returns false when the
// client had that message already.
type Handler func(c int, m Marker, now int64) bool

// Adapter is what the works need of a protocol.
type Adapter interface {
	// setState tells of the accounts and conversations that set-up has made.
	setState(st *State)
	Register(users []User, par int) error
	// Pairs makes a conversation of users 2i and 2i+1 (Matrix: a direct room).
	Pairs(users []User, par int) ([]string, error)
	// Rooms makes group rooms; called before Start.
	Rooms(users []User, members [][]int, par int) ([]string, error)
	// Join enters rooms after Start, where the protocol asks for it.
	Join(users []User, convs []string, members [][]int) error
	// Fill posts n messages of user 0 to a room of two.
	Fill(users []User, conv string, n, body int) error
	// Reader reads a room backwards as user u.
	Reader(u *User, conv string) (reader, error)
	// Start connects user i and begins to receive.
	Start(i int, u *User, h Handler) error
	// Send sends a text from user i to conversation conv.
	Send(i int, u *User, conv int, room bool, body []byte) error
	Alive(i int, timeout time.Duration) bool
	Counters() map[string]int64
	Close()
}

// reader gives the messages of a room, newest first.
type reader interface {
	page(size int) (ms []Marker, bytes int, done bool, err error)
	close()
}

// ---- the message body ----------------------------------------------------
// mb1|run|conv|sender|seq|mi|t|xxxx…   seq counts per (conv, sender), mi per
// conv, t is the (intended) send time in ns since the bench began.

type Marker struct {
	conv, sender, seq, mi int
	t                     int64
}

var runID = "00000000"
var markTag []byte

func setRun(id string) {
	runID = id
	markTag = []byte("mb1|" + id + "|")
}

func (m Marker) body(dst []byte, size int) []byte {
	dst = append(dst[:0], markTag...)
	for _, v := range [5]int64{int64(m.conv), int64(m.sender), int64(m.seq), int64(m.mi), m.t} {
		dst = strconv.AppendInt(dst, v, 10)
		dst = append(dst, '|')
	}
	for len(dst) < size {
		dst = append(dst, "the quick brown fox jumps over the lazy dog "[len(dst)%44])
	}
	return dst
}

// nextMarker finds the next message of this run in b.
func nextMarker(b []byte) (m Marker, rest []byte, ok bool) {
	for {
		i := bytes.Index(b, markTag)
		if i < 0 {
			return m, nil, false
		}
		b = b[i+len(markTag):]
		var v [5]int64
		p := 0
		good := true
		for k := 0; k < 5 && good; k++ {
			var n int64
			s := p
			for p < len(b) && b[p] >= '0' && b[p] <= '9' {
				n = n*10 + int64(b[p]-'0')
				p++
			}
			good = p > s && p < len(b) && b[p] == '|'
			p++
			v[k] = n
		}
		if !good {
			continue
		}
		return Marker{int(v[0]), int(v[1]), int(v[2]), int(v[3]), v[4]}, b[p:], true
	}
}

var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

// ---- helpers ---------------------------------------------------------------

// parallel runs f(0..n-1) on k goroutines and returns the first error.
func parallel(n, k int, f func(i int) error) error {
	if k > n {
		k = n
	}
	var next int64 = -1
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	for w := 0; w < k; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				i := int(atomic.AddInt64(&next, 1))
				if i >= n {
					return
				}
				mu.Lock()
				bad := first != nil
				mu.Unlock()
				if bad {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					if first == nil {
						first = fmt.Errorf("item %d: %w", i, err)
					}
					mu.Unlock()
					return
				}
			}
		}()
	}
	wg.Wait()
	return first
}

var errLog struct {
	sync.Mutex
	n     int64
	shown int
	kinds map[string]int64
}

// fault counts an error of the server or the transport during a measurement.
func fault(kind, f string, a ...any) {
	errLog.Lock()
	defer errLog.Unlock()
	errLog.n++
	if errLog.kinds == nil {
		errLog.kinds = map[string]int64{}
	}
	errLog.kinds[kind]++
	if errLog.shown < 20 {
		errLog.shown++
		logf("fault %s: %s", kind, fmt.Sprintf(f, a...))
	}
}
