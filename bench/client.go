package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// client sends requests over one connection that it keeps. net/http's would compute more than some servers.
type client struct {
	address, token string
	conn           net.Conn
	in             *bufio.Reader
	out            []byte
}

func connect(ctx context.Context, address, token string) (*client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{address: address, token: token, conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// do sends a request and hands the body of its answer to read, which may be nil. Any other status is an error.
func (c *client) do(method, path, body string, status int, read func(io.Reader) error) error {
	c.out = fmt.Appendf(c.out[:0], "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, c.address)
	if c.token != "" {
		c.out = fmt.Appendf(c.out, "Authorization: Bearer %s\r\n", c.token)
	}
	if body != "" {
		c.out = fmt.Appendf(c.out, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	c.out = append(append(c.out, "\r\n"...), body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	defer answer.Body.Close() //nolint:errcheck // the whole body has been read
	if answer.StatusCode != status {
		said, _ := io.ReadAll(answer.Body) // only to tell
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, said)
	}
	if read != nil {
		err = read(answer.Body)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
	}
	return err
}

func (c *client) close() { _ = c.conn.Close() }
