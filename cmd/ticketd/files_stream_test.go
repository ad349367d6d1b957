package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"mime/multipart"
	nethttp "net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// A body is on the disk before the rest of it is sent, and comes back from there: however long it is, nobody holds it.
func TestABodyIsStreamedAndNotHeld(t *testing.T) { //nolint:paralleltest // what other tests take would count
	i := boot(t)
	ada := i.founder("ada")
	const half, buffered, room = 30 << 20, 1 << 20, 20 << 20 // bytes
	random := rand.NewChaCha8([32]byte{})
	block := make([]byte, 1<<20)
	_, _ = random.Read(block) // never fails
	whole := sha256.New()
	before := allocated()

	body, feed := io.Pipe()
	w := multipart.NewWriter(feed)
	request, err := nethttp.NewRequestWithContext(t.Context(), "POST", i.url+"/api/v1/files/upload", body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", w.FormDataContentType())
	request.Header.Set("Authorization", "Bearer "+ada.token)
	answered := make(chan answer, 1)
	go func() { answered <- ask(t, request) }()
	part, err := w.CreateFormFile("file", "big.bin")
	require.NoError(t, err)
	for sent := half; sent <= 2*half; sent += half {
		for range half / len(block) {
			_, err := io.MultiWriter(whole, part).Write(block)
			require.NoError(t, err)
		}
		eventually(t, func() bool { return i.arrived(t) > int64(sent-buffered) }, "what was sent is on the disk")
	}
	require.Less(t, allocated()-before, uint64(room), "for 60 MB that came in")
	require.NoError(t, w.Close())
	require.NoError(t, feed.Close())
	up := <-answered
	require.Equal(t, 200, up.status, "%s", up.raw)
	require.EqualValues(t, 2*half, up.object()["file_size"])
	require.Equal(t, hex.EncodeToString(whole.Sum(nil)), up.text("sha256"))
	ada.read(up.id())

	a := ada.with("Range", "bytes=1048576-1048591").do(206, "GET", up.text("url"), nil)
	require.Equal(t, block[:16], a.raw)
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	before = allocated()
	request, err = nethttp.NewRequestWithContext(t.Context(), "GET", i.url+up.text("url"), nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+ada.token)
	response, err := web.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	again := sha256.New()
	_, err = io.Copy(again, response.Body)
	require.NoError(t, err)
	require.Equal(t, whole.Sum(nil), again.Sum(nil))
	require.Less(t, allocated()-before, uint64(room), "for 60 MB that went out")
}

// ask sends a request on a goroutine of its own; no answer has the status 0.
func ask(t *testing.T, request *nethttp.Request) answer {
	t.Helper()
	response, err := web.Do(request)
	if err != nil {
		return answer{t: t, raw: []byte(err.Error())}
	}
	defer response.Body.Close()
	raw, _ := io.ReadAll(response.Body) // what is missing shows
	return answer{t: t, status: response.StatusCode, header: response.Header, raw: raw}
}

// arrived answers how many bytes of uploads lie on the disk that have not ended.
func (i *instance) arrived(t *testing.T) (size int64) {
	t.Helper()
	incoming, err := os.ReadDir(filepath.Join(i.config.DataDir, "files", ".incoming"))
	if !os.IsNotExist(err) { // the first upload makes the folder
		require.NoError(t, err)
	}
	for _, entry := range incoming {
		if info, err := entry.Info(); err == nil { // it may have taken its place
			size += info.Size()
		}
	}
	return size
}

// allocated answers how many bytes the process has ever taken, those that it gave back too.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
