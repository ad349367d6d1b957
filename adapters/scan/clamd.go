// Package scan asks clamd, the daemon of ClamAV, whether bytes are malware.
//
// # Why
//
// What cannot be looked at is not clean. So there are two answers only, what was found or nothing, and everything else is
// an error: a scanner that is down, one that hangs, and one that gave up because a file is longer than its StreamMaxLength.
// Whoever asks decides whether an unscanned file may come in.
package scan

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// ErrUnavailable reports that nobody has looked at the bytes, or not at all of them.
var ErrUnavailable = errors.New("the malware scanner has not looked")

const (
	// patience is how long a scan may take. clamd gives up after two minutes itself, unless it is told otherwise.
	patience = 3 * time.Minute
	// piece is how many bytes are sent at a time.
	piece = 128 << 10
	// answerMost is how long an answer may be.
	answerMost = 4 << 10
)

// Clamd is a clamd.
type Clamd struct {
	network, address string
	patience         time.Duration
}

// New answers the clamd at "host:port", or at the socket "unix:/path" or "/path". Nobody is asked yet.
func New(addr string) *Clamd {
	c := &Clamd{network: "tcp", address: addr, patience: patience}
	if path := strings.TrimPrefix(addr, "unix:"); strings.HasPrefix(path, "/") {
		c.network, c.address = "unix", path
	}
	return c
}

// Scan answers the name of the malware in what r gives, or nothing when it is clean. Every error is ErrUnavailable.
func (c *Clamd) Scan(ctx context.Context, r io.Reader) (signature string, err error) {
	answer, err := c.ask(ctx, "zINSTREAM\x00", r)
	if err != nil {
		return "", err
	}
	answer = strings.TrimPrefix(answer, "stream: ")
	if answer == "OK" {
		return "", nil
	}
	if found, ok := strings.CutSuffix(answer, " FOUND"); ok {
		return found, nil
	}
	return "", fmt.Errorf("%w: it says %q", ErrUnavailable, answer)
}

// Ping asks whether the scanner is there. Every error is ErrUnavailable.
func (c *Clamd) Ping(ctx context.Context) error {
	answer, err := c.ask(ctx, "zPING\x00", nil)
	if err == nil && answer != "PONG" {
		err = fmt.Errorf("%w: it says %q", ErrUnavailable, answer)
	}
	return err
}

// ask sends a command, and what r gives, and answers the answer.
func (c *Clamd) ask(ctx context.Context, command string, r io.Reader) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, c.network, c.address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer func() { _ = conn.Close() }() // everything was said
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	_, unsent := io.WriteString(conn, command)
	if unsent == nil && r != nil {
		var unread error
		if unread, unsent = send(conn, r); unread != nil {
			return "", fmt.Errorf("%w: %w", ErrUnavailable, unread)
		}
	}
	// One that has heard enough closes before everything is sent, and has said why.
	heard, err := io.ReadAll(io.LimitReader(conn, answerMost))
	answer = strings.TrimRight(string(heard), "\x00\n")
	if answer == "" || unsent != nil {
		return "", fmt.Errorf("%w: it says %q: %w", ErrUnavailable, answer, errors.Join(ctx.Err(), unsent, err))
	}
	return answer, nil
}

// send sends what r gives in pieces, each after its length. A length of zero is the end.
func send(conn net.Conn, r io.Reader) (unread, unsent error) {
	held := make([]byte, 4+piece)
	for {
		n, err := r.Read(held[4:])
		if err != nil && !errors.Is(err, io.EOF) {
			return err, nil
		}
		if n > 0 {
			binary.BigEndian.PutUint32(held, uint32(n)) //nolint:gosec // not more than a piece
			if _, unsent = conn.Write(held[:4+n]); unsent != nil {
				return nil, unsent
			}
		}
		if err != nil {
			_, unsent = conn.Write(make([]byte, 4))
			return nil, unsent
		}
	}
}
