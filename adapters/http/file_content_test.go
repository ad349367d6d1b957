package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestAFileComesBack(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.uploaded("bob", "note.txt", "hello, world")
	path := "/api/v1/files/" + id + "/content"
	answer := s.get("bob", path)
	require.Equal(t, 200, answer.status)
	require.Equal(t, "hello, world", answer.text)
	tag := `"09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b"`
	for name, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Content-Length": "12", "Content-Disposition": `attachment; filename="note.txt"`, "ETag": tag, "Accept-Ranges": "bytes",
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "private, no-cache",
	} {
		require.Equal(t, want, answer.Get(name), name)
	}
	part := s.get("bob", path, "Range", "bytes=7-10")
	require.Equal(t, 206, part.status)
	require.Equal(t, "worl", part.text)
	require.Equal(t, "bytes 7-10/12", part.Get("Content-Range"))
	require.Equal(t, "ld", s.get("bob", path, "Range", "bytes=-2").text)
	require.Equal(t, 200, s.get("bob", path, "Range", "bytes=0-1", "If-Range", `"other"`).status)
	require.Equal(t, 206, s.get("bob", path, "Range", "bytes=0-1", "If-Range", tag).status)
	same := s.get("bob", path, "If-None-Match", tag)
	require.Equal(t, 304, same.status)
	require.Empty(t, same.text)
	beyond := s.get("bob", path, "Range", "bytes=12-")
	require.Equal(t, 416, beyond.status)
	require.Equal(t, "bytes */12", beyond.Get("Content-Range"))
	require.Equal(t, "application/problem+json", beyond.Get("Content-Type"))
	require.Equal(t, 416.0, beyond.body["status"], beyond.text)
	for _, path := range []string{path, "/api/v1/files/" + id + "/storage/note.txt"} {
		head := s.ask("bob", "HEAD", path, nil)
		require.Equal(t, 200, head.status)
		require.Equal(t, "12", head.Get("Content-Length"))
		require.Empty(t, head.text)
		require.Equal(t, 404, s.ask("cyd", "HEAD", path, nil).status)
	}
}

// A browser that is not told the charset of a text takes it for something older than UTF-8.
func TestATextSaysItsCharset(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	long := strings.Repeat("x", charsetWindow-1)
	for _, text := range []struct{ name, content, want string }{
		{"a.txt", "Grüße", "text/plain; charset=utf-8"},
		{"a.txt", "Gr\xfc\xdfe", "text/plain"},
		{"a.txt", "\xff\xfeh\x00", "text/plain"},
		{"a.txt", "h\x00i\x00", "text/plain"},
		{"a.txt", long + "ü", "text/plain; charset=utf-8"},                              // its last character is cut
		{"a.txt", long + "\xfc", "text/plain"},                                          // nothing follows that would make it one
		{"a.txt", long + "\xfc--", "text/plain"},                                        // or something else does
		{"a.txt", long[1:] + "€", "text/plain; charset=utf-8"},                          // cut behind two of three
		{"a.txt", long + "y", "text/plain; charset=utf-8"},                              // whole
		{"a.html", "Gr\xfc\xdfe", "text/html; charset=utf-8"},                           // what is known is not looked for
		{"a.bin", "plain", "application/octet-stream"},                                  // nor is what has none
		{"a.txt", long + "yy" + strings.Repeat("\xfc", 9), "text/plain; charset=utf-8"}, // what is far behind is not looked at
	} {
		path := "/api/v1/files/" + s.uploaded("bob", text.name, text.content) + "/storage/" + text.name
		end := len(text.content) - 2
		for _, r := range []struct {
			method, ranges, content string
			status                  int
		}{
			{"GET", "", text.content, 200},
			{"GET", fmt.Sprintf("bytes=%d-", end), text.content[end:], 206},
			{"HEAD", "", "", 200},
		} {
			answer := s.ask("bob", r.method, path, nil, "Range", r.ranges)
			require.Equal(t, r.status, answer.status)
			require.Equal(t, text.want, answer.Get("Content-Type"), "%.20q", text.content)
			require.Equal(t, r.content, answer.text)
		}
	}
	s.http.OpenBlob = func(context.Context, string) (io.ReadSeekCloser, error) {
		return &brittle{ReadSeeker: strings.NewReader("hello")}, nil
	}
	r := s.request("bob", "GET", "/api/v1/files/"+s.uploaded("bob", "b.txt", "hello")+"/content", nil)
	response, err := s.Client().Do(r)
	if err == nil {
		require.Equal(t, "text/plain", response.Header.Get("Content-Type"))
		_, err = io.ReadAll(response.Body)
		require.NoError(t, response.Body.Close())
	}
	require.Error(t, err)
}

// Nothing that a browser would run is shown in place.
func TestOnlyWhatDoesNotRunIsShownInPlace(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for name, want := range map[string]string{
		"a.png": "inline", "a.mp4": "inline", "a.pdf": "inline", "a.txt": "inline", "a.svg": "attachment", "a.html": "attachment", "a.bin": "attachment",
	} {
		id := s.uploaded("bob", name, "x"+name)
		answer := s.get("bob", "/api/v1/files/"+id+"/storage/"+name)
		require.Equal(t, 200, answer.status)
		require.Equal(t, want+`; filename="`+name+`"`, answer.Get("Content-Disposition"))
		require.Equal(t, "default-src 'none'; sandbox", answer.Get("Content-Security-Policy"))
		require.Equal(t, 404, s.get("bob", "/api/v1/files/"+id+"/storage/other-"+name).status)
		require.Contains(t, s.get("bob", "/api/v1/files/"+id+"/content").Get("Content-Disposition"), "attachment")
	}
	for mimeType, want := range map[string]bool{"audio/mpeg": true, "text/plain; charset=utf-8": true, "text/html": false, "image/svg+xml; charset=utf-8": false, "": false, "application/xhtml+xml": false} {
		require.Equal(t, want, showable(mimeType), mimeType)
	}
	for name, want := range map[string]string{
		"a b.txt": `x; filename="a b.txt"`, `a"b.txt`: `x; filename="a_b.txt"; filename*=UTF-8''a%22b.txt`, "å €.txt": `x; filename="_ _.txt"; filename*=UTF-8''%C3%A5%20%E2%82%AC.txt`,
		"100%.txt": `x; filename="100_.txt"; filename*=UTF-8''100%25.txt`, "a\r\nb": `x; filename="a__b"; filename*=UTF-8''a%0D%0Ab`,
	} {
		require.Equal(t, want, dispositionOf("x", name))
	}
}

func TestWhoGetsNoBytes(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.uploaded("bob", "note.txt", "hello")
	for _, end := range []string{"/content", "/storage/note.txt"} {
		path := "/api/v1/files/" + id + end
		for token, want := range map[string]int{"bob": 200, "ada": 200, "sam": 200, "aud": 200, "cyd": 404, "eve": 404, "nobody": 401} {
			require.Equal(t, want, s.get(token, path).status, token)
		}
		require.Equal(t, 404, s.get("ada", "/api/v1/files/"+uuid.NewString()+end).status)
		require.Equal(t, 422, s.get("ada", "/api/v1/files/x"+end).status)
	}
	require.Equal(t, 400, s.upload("bob", newForm("file|filename=bad.txt", "EICAR")).status)
	list, _ := s.get("bob", "/api/v1/files?status=quarantined").body["files"].([]any)
	require.Len(t, list, 1)
	bad, _ := list[0].(map[string]any)
	require.Nil(t, bad["url"])
	require.Equal(t, map[string]any{"status": "infected", "reason": "Eicar-Test"}, bad["scan"])
	infected := s.get("ada", "/api/v1/files/"+bad["id"].(string)+"/content")
	require.Equal(t, 409, infected.status)
	require.Contains(t, infected.text, "file_quarantined")

	s.openFault = fs.ErrNotExist
	gone := s.get("bob", "/api/v1/files/"+id+"/content")
	require.Equal(t, 410, gone.status)
	require.Contains(t, gone.text, "no longer in the store")
	s.openFault = errors.New("the bucket does not answer")
	require.Equal(t, 500, s.get("bob", "/api/v1/files/"+id+"/storage/note.txt").status)
}

// brittle breaks where it is read behind its beginning.
type brittle struct {
	io.ReadSeeker
	left int
}

func (b *brittle) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("the disk is broken")
	}
	n, err := b.ReadSeeker.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (*brittle) Close() error { return nil }

func TestADownloadThatIsCutOffIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.uploaded("bob", "note.bin", "hello")
	for _, name := range []string{"a broken disk", "the end of the program"} {
		s.http.OpenBlob = func(context.Context, string) (io.ReadSeekCloser, error) {
			blob := &brittle{ReadSeeker: strings.NewReader(strings.Repeat("x", 1<<20)), left: 1000}
			if name == "the end of the program" {
				blob.left = 1 << 20
				s.http.EndStreams()
			}
			return blob, nil
		}
		r := s.request("bob", "GET", "/api/v1/files/"+id+"/content", nil)
		response, err := s.Client().Do(r)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			require.NoError(t, response.Body.Close())
		}
		require.Error(t, err, name)
	}
	require.Eventually(t, func() bool { return strings.Contains(s.log.String(), "the disk is broken") }, patience, time.Millisecond)
}
