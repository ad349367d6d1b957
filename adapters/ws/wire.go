package ws

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// wire is a hijacked connection. The connection is a named field: embedding a *net.TCPConn would lend its other methods
// to gorilla, which would then write around us.
type wire struct {
	conn     net.Conn
	linger   time.Duration
	in, out  *atomic.Int64
	mu       sync.Mutex
	finished bool // we have said all we had to say
	severed  bool
}

// attach gives the wire its connection, which may be unwanted by now.
func (w *wire) attach(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
	if w.severed {
		_ = conn.Close()
	}
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.conn.Read(p)
	w.in.Add(int64(n))
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.conn.Write(p)
	w.out.Add(int64(n))
	return n, err
}

// Close ends our half and leaves the other open for a moment: closing while the client's words lie unread would send a
// reset, which overtakes the close frame and hides its code. Whoever started the reader cuts the rest.
func (w *wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished {
		return nil
	}
	w.finished = true
	half, ok := w.conn.(interface{ CloseWrite() error })
	if !ok {
		return w.conn.Close()
	}
	_ = w.conn.SetReadDeadline(time.Now().Add(w.linger))
	return half.CloseWrite()
}

// SetReadDeadline does not prolong the moment after Close.
func (w *wire) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished {
		return nil
	}
	return w.conn.SetReadDeadline(t)
}

// cut ends both halves at once.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.severed = true
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

func (w *wire) SetDeadline(t time.Time) error      { return w.conn.SetDeadline(t) }
func (w *wire) SetWriteDeadline(t time.Time) error { return w.conn.SetWriteDeadline(t) }
func (w *wire) LocalAddr() net.Addr                { return w.conn.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr               { return w.conn.RemoteAddr() }
