package outbound

import "sync/atomic"

// operationMost is how many bytes the answers of an operation have together at most. No ticket has more comments than that.
const operationMost = 64 << 20

// Operation answers a client for one operation in an account, which reads page after page and may keep them all: beyond 64 MB
// in all, its answers are too long. What is sent does not count.
func (c *Client) Operation() *Client {
	left := &allowance{}
	left.bytes.Store(c.operationMost)
	return &Client{shared: c.shared, left: left}
}

// allowance is how many bytes of answers may still be read. The nil one never ends.
type allowance struct{ bytes atomic.Int64 }

// within answers how many of so many bytes may be read.
func (a *allowance) within(most int) int {
	if a == nil {
		return most
	}
	return int(max(0, min(int64(most), a.bytes.Load())))
}

func (a *allowance) spend(bytes int) {
	if a != nil {
		a.bytes.Add(-int64(bytes))
	}
}
