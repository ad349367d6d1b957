package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// benchUpload measures one large upload at a time. The limit is cat, which takes the same bytes from a socket and writes
// them to a file, which is synced then: whoever answers before that has not stored anything.
func (w *filesWorld) benchUpload(ctx context.Context, o options, sizes filesSizes, out io.Writer) error {
	content := noise(sizes.upload)
	var grown []int
	all, err := each(
		o.rounds,
		func() (time.Duration, error) { return w.cat(ctx, content, filepath.Join(w.dir, "cat")) },
		func() (time.Duration, error) { return w.cat(ctx, content, os.DevNull) },
		func() (time.Duration, error) {
			took, kb, err := w.uploadLarge(ctx, content)
			grown = append(grown, kb)
			return took, err
		},
	)
	if err != nil {
		return err
	}
	results := newTable("what", "MB/s:", "s:", "ratio:", "target:")
	for i, what := range []string{"limit: cat from a socket to a file, synced", "cat from a socket, nothing written", "upload: hashed, type told, stored durably, in the log"} {
		results.add(what, whole(all[i].rate()*float64(sizes.upload)/(1<<20)), seconds(all[i].p50()), ratio(all[i].ratio()), "")
	}
	results.write(out, "Upload", fmt.Sprintf("%d MB over the loopback, one at a time. The most that the server ever held of the machine's memory grew by %s MB meanwhile (target: constant, however long the file).",
		sizes.upload>>20, megabytes(median(grown))))
	return nil
}

// noise is bytes that are no known type and cannot be compressed.
func noise(size int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	content := make([]byte, size)
	_, _ = random.Read(content) // it never fails
	copy(content, "\x00\x01 noise ")
	return content
}

// cat is how long the program of that name takes to bring bytes from a connection to a file, which is synced.
func (*filesWorld) cat(ctx context.Context, content []byte, path string) (_ time.Duration, err error) {
	sender, receiver, err := connected(ctx)
	if err != nil {
		return 0, err
	}
	defer sender.Close()   //nolint:errcheck // everything was sent
	defer receiver.Close() //nolint:errcheck // everything was received
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if path != os.DevNull {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	cmd := exec.CommandContext(ctx, "cat")
	cmd.Stdin, cmd.Stdout = receiver, file
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start cat: %w", err)
	}
	start := time.Now()
	_, err = sender.Write(content)
	if err = errors.Join(err, sender.CloseWrite(), cmd.Wait()); err != nil {
		return 0, fmt.Errorf("cat: %w", err)
	}
	if path != os.DevNull {
		err = file.Sync()
	}
	return time.Since(start), err
}

// connected answers two ends of a connection over the loopback; the second is what a child may have.
func connected(ctx context.Context) (_ *net.TCPConn, _ *os.File, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close() //nolint:errcheck // nobody else is listened to
	sender, err := (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	conn, err := listener.Accept()
	if err != nil {
		return nil, nil, errors.Join(err, sender.Close())
	}
	receiver, err := conn.(*net.TCPConn).File() //nolint:errcheck,forcetypeassert // what listens on TCP accepts nothing else
	if err = errors.Join(err, conn.Close()); err != nil {
		return nil, nil, errors.Join(err, sender.Close())
	}
	return sender.(*net.TCPConn), receiver, nil //nolint:errcheck,forcetypeassert // what dials TCP answers nothing else
}

// uploadLarge answers how long an upload took, and by how many KB the most that the server held of the machine's memory
// grew. It waits until nothing is left to be done with the upload.
func (w *filesWorld) uploadLarge(ctx context.Context, content []byte) (took time.Duration, grown int, err error) {
	content = bytes.Clone(content)
	copy(content[len(content)/2:], uuid.NewString()) // bytes that are stored already would only be compared
	c, err := connect(ctx, w.real.address, w.member)
	if err != nil {
		return 0, 0, err
	}
	defer c.close()
	pid := w.real.cmd.Process.Pid
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200); err != nil { // the most is counted anew
		return 0, 0, err
	}
	before := memoryOf(pid, resident)
	start := time.Now()
	id, err := c.upload("noise.dat", content)
	if took = time.Since(start); err != nil {
		return 0, 0, err
	}
	grown = max(0, memoryOf(pid, mostResident)-before)
	_, err = w.ear.await(ctx, processed, id)
	return took, grown, err
}

// upload sends a file as a browser does, and answers its id.
func (c *client) upload(name string, content []byte) (string, error) {
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	if _, err := parts.CreateFormFile("file", name); err != nil {
		return "", err
	}
	before := form.Len()
	if err := parts.Close(); err != nil {
		return "", err
	}
	head := fmt.Appendf(nil, "POST /api/v1/files/upload HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		c.address, c.token, parts.FormDataContentType(), form.Len()+len(content))
	out := net.Buffers{append(head, form.Bytes()[:before]...), content, form.Bytes()[before:]}
	if _, err := out.WriteTo(c.conn); err != nil {
		return "", err
	}
	return uploaded(c.in, name)
}

// uploaded reads the answer to an upload.
func uploaded(in *bufio.Reader, name string) (string, error) {
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return "", fmt.Errorf("read the answer to the upload of %s: %w", name, err)
	}
	defer answer.Body.Close() //nolint:errcheck // the whole body has been read
	said, err := io.ReadAll(answer.Body)
	var made struct {
		ID string `json:"id"`
	}
	if err == nil {
		err = json.Unmarshal(said, &made)
	}
	if err != nil || answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("upload %s: %s: %s", name, strconv.Itoa(answer.StatusCode), said)
	}
	return made.ID, nil
}
