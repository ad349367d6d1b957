package http

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

const patience = 20 * time.Second

func TestAnUploadIsTakenIn(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	answer := s.upload("bob", newForm("file|filename=note.txt", "hello", "description", "What it says"))
	require.Equal(t, 200, answer.status, "without a ticket")
	id, _ := answer.body["id"].(string)
	require.Equal(t, "/api/v1/files/"+id, answer.Get("Location"))
	require.Equal(t, `"2"`, answer.Get("ETag"))
	require.NotEmpty(t, answer.Get("X-Event-Position"))
	require.Empty(t, answer.Get("Idempotency-Replayed"))
	created := answer.body["created_at"]
	delete(answer.body, "created_at")
	require.IsType(t, "", created)
	queued := func(stage string) map[string]any {
		return map[string]any{"stage": stage, "status": "queued", "progress": 0.0, "message": "", "started_at": nil, "finished_at": nil, "attempts": 0.0, "error": nil}
	}
	require.Equal(t, map[string]any{
		"id": id, "job_id": id, "filename": "note.txt", "ticket_id": nil, "file_size": 5.0, "file_type": "text/plain", "mime_type": "text/plain", "file_category": "text",
		"status": "uploaded", "processing_status": "queued", "processing_required": true, "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		"scan": map[string]any{"status": "clean"}, "url": "/api/v1/files/" + id + "/storage/note.txt", "version": 2.0,
		"stages": []any{queued("validation"), queued("extraction")},
	}, answer.body)
	require.Equal(t, []string{"file.upload_started", "file.uploaded"}, s.events())
	require.Empty(t, s.staged())
	require.Equal(t, "What it says", s.get("bob", "/api/v1/files/"+id).body["description"])

	again := s.upload("bob", newForm("file|filename=note.txt", "hello"))
	require.NotEqual(t, id, again.body["id"], "the same bytes make another upload")
	require.Equal(t, answer.body["sha256"], again.body["sha256"])
	other := s.upload("bob", newForm("file|filename=data.bin", "hello", "something", "else"))
	require.Equal(t, false, other.body["processing_required"])
}

func TestAnUploadToATicketIsAttached(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.opened("bob")
	number := fmt.Sprint(s.get("bob", "/api/v1/tickets/"+id).body["number"])
	before := s.upload("bob", newForm("ticket_id", id, "file|filename=a.txt", "a"))
	require.Equal(t, 201, before.status, before.text)
	require.Equal(t, id, before.body["ticket_id"])
	behind := s.upload("bob", newForm("file|filename=b.txt", "b", "ticket_id", number))
	require.Equal(t, 201, behind.status, behind.text)
	require.Equal(t, id, behind.body["ticket_id"])
	none := s.upload("bob", newForm("ticket_id", "", "file|filename=c.txt", "c"))
	require.Equal(t, 200, none.status)
	slash := s.ask("bob", "POST", "/api/v1/files/upload/", newForm("ticket_id", id, "file|filename=d.txt", "d"), "Content-Type", "multipart/form-data; boundary=none")
	require.Equal(t, 400, slash.status)
	f := newForm("ticket_id", id, "file|filename=d.txt", "d")
	slash = s.ask("bob", "POST", "/api/v1/files/upload/", f, "Content-Type", f.FormDataContentType())
	require.Equal(t, 200, slash.status, "the alias of old")

	shown := s.get("bob", "/api/v1/tickets/"+id).body
	require.Len(t, shown["files"], 3)
	require.Equal(t, map[string]any{
		"id": before.body["id"], "filename": "a.txt", "file_size": 1.0, "mime_type": "text/plain", "file_category": "text", "status": "uploaded", "url": before.body["url"],
	}, shown["files"].([]any)[0])
	require.Equal(t, 3.0, shown["file_count"])
}

func TestTheNameOfAnUploadIsNoPath(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for given, want := range map[string]string{
		`filename="plain.txt"`:     "plain.txt",
		`filename="/etc/passwd"`:   "passwd",
		`filename="..\\..\\x.txt"`: "x.txt",
		`filename="C:\a\b.txt"`:    "b.txt",
		`filename="../../up.txt"`:  "up.txt",
		`filename="två ord.txt"`:   "två ord.txt",
		`filename="x.txt"; filename*=UTF-8''tv%C3%A5%20%E2%82%AC.txt`: "två €.txt",
		`filename*=utf-8''%2e%2e%2fb.txt`:                             "b.txt",
	} {
		answer := s.upload("bob", newForm("file|"+given, "x"))
		require.Equal(t, 200, answer.status, given+answer.text)
		require.Equal(t, want, answer.body["filename"], given)
		require.Equal(t, 200, s.get("bob", answer.body["url"].(string)).status, given)
	}
	for _, given := range []string{`filename=""`, `x="y"`, `filename=".."`, `filename="a/.."`, `filename="/"`, `filename="\\"`, "filename=\"a\u202eb\"", `filename="` + strings.Repeat("é", 256) + `"`} {
		answer := s.upload("bob", newForm("file|"+given, "x"))
		require.Equal(t, 422, answer.status, given+answer.text)
		require.Contains(t, answer.text, `"location":"body.file"`, given)
	}
	require.Empty(t, s.staged())
}

func TestAFormThatMakesNoSense(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.opened("ada")
	foreign := s.opened("eve")
	tooLong := strings.Repeat("x", 5001)
	for name, c := range map[string]struct {
		form   *form
		status int
		says   string
	}{
		"no file":                {newForm("description", "x"), 422, `"location":"body.file"`},
		"two files":              {newForm("file|filename=a.txt", "a", "file|filename=b.txt", "b"), 422, `"location":"body.file"`},
		"a long description":     {newForm("description", tooLong, "file|filename=a.txt", "a"), 422, `"location":"body.description"`},
		"a long one behind it":   {newForm("file|filename=a.txt", "a", "description", tooLong), 422, `"location":"body.description"`},
		"one that is no text":    {newForm("file|filename=a.txt", "a", "description", "\xff"), 422, `"location":"body.description"`},
		"a long ticket":          {newForm("ticket_id", strings.Repeat("1", 65), "file|filename=a.txt", "a"), 422, `"location":"body.ticket_id"`},
		"an unknown ticket":      {newForm("ticket_id", uuid.NewString(), "file|filename=a.txt", "a"), 404, "ticket_not_found"},
		"an unknown number":      {newForm("file|filename=a.txt", "a", "ticket_id", "77"), 404, "ticket_not_found"},
		"no name of a ticket":    {newForm("file|filename=a.txt", "a", "ticket_id", "x y"), 404, "ticket_not_found"},
		"a foreign ticket":       {newForm("ticket_id", foreign, "file|filename=a.txt", "a"), 404, "ticket_not_found"},
		"one that is invisible":  {newForm("ticket_id", id, "file|filename=a.txt", "a"), 404, "ticket_not_found"},
		"a program":              {newForm("ticket_id", "1", "file|filename=a.exe", "a"), 400, "File type application/x-declared not allowed"},
		"malware":                {newForm("ticket_id", "77", "file|filename=a.txt", "EICAR"), 400, "Malicious file detected"},
		"a program with malware": {newForm("file|filename=a.exe", "EICAR"), 400, "not allowed"},
		"a large program":        {newForm("ticket_id", "1", "file|filename=a.exe", strings.Repeat("x", 1<<20+1)), 413, "The file is larger than 1 MB."},
	} {
		answer := s.upload("bob", c.form)
		require.Equal(t, c.status, answer.status, name+answer.text)
		require.Contains(t, answer.text, c.says, name)
		require.Empty(t, s.staged(), name)
	}
	require.Equal(t, 403, s.upload("aud", newForm("file|filename=a.txt", "a")).status)
	require.Equal(t, 401, s.upload("nobody", newForm("file|filename=a.txt", "a")).status)

	f := newForm("file|filename=a.txt", "some text")
	for name, c := range map[string]struct {
		media, body string
		status      int
	}{
		"JSON":              {"application/json", `{}`, 415},
		"nothing":           {"", "", 415},
		"no boundary":       {"multipart/form-data", f.String(), 400},
		"a bad boundary":    {"multipart/form-data; boundary=", f.String(), 400},
		"another boundary":  {"multipart/form-data; boundary=x", f.String(), 400},
		"no parts":          {f.FormDataContentType(), "", 400},
		"an end in a file":  {f.FormDataContentType(), f.String()[:f.Len()-len(f.Boundary())-9], 400},
		"an end in a field": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"ticket_id\"\r\n\r\n12", 400},
	} {
		answer := s.ask("bob", "POST", "/api/v1/files/upload", strings.NewReader(c.body), "Content-Type", c.media)
		require.Equal(t, c.status, answer.status, name+answer.text)
		require.Equal(t, "application/problem+json", answer.Get("Content-Type"), name)
		require.Empty(t, s.staged(), name)
	}
	list := s.get("bob", "/api/v1/files").body
	require.Equal(t, 1.0, list["total"], "only what is in quarantine is kept")
	events := strings.Join(s.events(), " ")
	require.Equal(t, strings.Count(events, "upload_started"), strings.Count(events, "upload_refused")+strings.Count(events, "quarantined"), "watchers hear how each ended")
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// large answers the body of a form with so many bytes of a file, and its length.
func large(size int64) (body io.Reader, length int64, media string) {
	head := &bytes.Buffer{}
	w := multipart.NewWriter(head)
	_, _ = w.CreateFormFile("file", "large.bin")
	tail := "\r\n--" + w.Boundary() + "--\r\n"
	return io.MultiReader(head, io.LimitReader(zeros{}, size), strings.NewReader(tail)), int64(head.Len()) + size + int64(len(tail)), w.FormDataContentType()
}

// A client that is refused sees why, though it sends on for a hundred megabytes: whether it looks while it sends, or only
// when it is done.
func TestWhoeverSendsTooMuchHearsIt(t *testing.T) {
	t.Parallel()
	s := newShelf(t, func(c *Config) { c.MaxUpload = 0 })
	const size = maxUpload + 5<<20
	for name, announced := range map[string]bool{"announced": true, "in chunks": false} {
		body, length, media := large(size)
		r, err := nethttp.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/v1/files/upload", body)
		require.NoError(t, err)
		if announced {
			r.ContentLength = length
		}
		r.Header.Set("Content-Type", media)
		r.Header.Set("Authorization", "Bearer bob")
		response, err := s.Client().Do(r)
		require.NoError(t, err, name)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err, name)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 413, response.StatusCode, name)
		require.Contains(t, string(text), "The file is larger than 100 MB.", name)
	}
	for name, token := range map[string]string{"too large": "bob", "not signed in": "nobody"} {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
		require.NoError(t, err)
		body, length, media := large(size)
		_, err = fmt.Fprintf(connection, "POST /api/v1/files/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", token, media, length)
		require.NoError(t, err)
		sent, err := io.Copy(connection, body)
		require.NoError(t, err, name)
		require.Equal(t, length, sent, name)
		response, err := nethttp.ReadResponse(bufio.NewReader(connection), nil)
		require.NoError(t, err, name)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err, name)
		require.NoError(t, response.Body.Close())
		require.True(t, response.Close, "the connection is of no more use")
		if token == "bob" {
			require.Equal(t, 413, response.StatusCode)
			require.Contains(t, string(text), "larger than 100 MB")
		} else {
			require.Equal(t, 401, response.StatusCode)
		}
		require.NoError(t, connection.Close())
	}
	require.Empty(t, s.staged())

	body, _, media := large(maxUpload)
	require.Equal(t, 200, s.ask("bob", "POST", "/api/v1/files/upload", body, "Content-Type", media).status, "as much as there may be")
}

// A form may be longer than its file, but not for ever.
func TestAFormHasAnEnd(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	w := &bytes.Buffer{}
	form := multipart.NewWriter(w)
	part, err := form.CreateFormField("something")
	require.NoError(t, err)
	_, err = io.CopyN(part, zeros{}, 2<<20+1)
	require.NoError(t, err)
	require.NoError(t, form.Close())
	answer := s.ask("bob", "POST", "/api/v1/files/upload", io.MultiReader(w), "Content-Type", form.FormDataContentType())
	require.Equal(t, 413, answer.status, answer.text)
}

func TestWhatAClientBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	body, length, media := large(1 << 19)
	_, err = fmt.Fprintf(connection, "POST /api/v1/files/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bob\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", media, length)
	require.NoError(t, err)
	_, err = io.CopyN(connection, body, 1<<18)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(s.staged()) == 1 }, patience, time.Millisecond, "it arrives")
	require.NoError(t, connection.Close())
	require.Eventually(t, func() bool { return len(s.events()) == 2 }, patience, time.Millisecond)
	require.Equal(t, []string{"file.upload_started", "file.upload_refused"}, s.events())
	require.Empty(t, s.staged())
	require.Zero(t, s.get("bob", "/api/v1/files").body["total"])
}

func TestAnUploadEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	body, length, media := large(1 << 19)
	_, err = fmt.Fprintf(connection, "POST /api/v1/files/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bob\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", media, length)
	require.NoError(t, err)
	_, err = io.CopyN(connection, body, 1<<18)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(s.staged()) == 1 }, patience, time.Millisecond, "it arrives")
	s.http.EndStreams()
	response, err := nethttp.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 503, response.StatusCode, string(text))
	require.Contains(t, string(text), "urn:ticketd:problem:stopping")
	require.NoError(t, connection.Close())
	require.Equal(t, []string{"file.upload_started", "file.upload_refused"}, s.events())
	require.Empty(t, s.staged())
}

// silent is a connection over which nothing comes any more.
type silent struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (c *silent) SetReadDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	return nil
}

func TestASilentClientIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	head, _, media := large(0)
	connection := &silent{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/files/upload", io.MultiReader(io.LimitReader(head, 200), failing{os.ErrDeadlineExceeded}))
	r.Header.Set("Content-Type", media)
	r.Header.Set("Authorization", "Bearer bob")
	s.http.ServeHTTP(connection, r)
	require.Equal(t, 408, connection.Code, connection.Body.String())
	require.Equal(t, []string{"file.upload_started", "file.upload_refused"}, s.events())
	require.WithinDuration(t, time.Now().Add(silence), connection.deadlines[0], time.Minute/2, "it had its time")
	require.Zero(t, connection.deadlines[len(connection.deadlines)-1], "and the next request has its own")
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// Time is renewed as bytes come, and not past the end of the request.
func TestTimeIsRenewedAsBytesCome(t *testing.T) {
	t.Parallel()
	connection := &silent{ResponseRecorder: httptest.NewRecorder()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := &arrival{ReadCloser: io.NopCloser(zeros{}), connection: nethttp.NewResponseController(connection), ctx: ctx, most: 1 << 20}
	piece := make([]byte, 10)
	for range 3 {
		_, err := a.Read(piece)
		require.NoError(t, err)
	}
	require.Len(t, connection.deadlines, 1, "once a second is enough")
	a.renewed = time.Now().Add(-2 * time.Second)
	_, err := a.Read(piece)
	require.NoError(t, err)
	require.Len(t, connection.deadlines, 2)
	require.True(t, connection.deadlines[1].After(connection.deadlines[0]))
	cancel()
	_, err = a.Read(piece)
	require.ErrorIs(t, err, context.Canceled)
	_, err = a.Read(piece)
	require.ErrorIs(t, err, context.Canceled, "what has ended has ended")
	a.drain()
	require.Len(t, connection.deadlines, 3, "nobody lingers then")
}

func TestARepeatedUploadMakesNothingTwice(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	to := s.opened("bob")
	send := func(key, name, content, to string) reply {
		return s.upload("bob", newForm("file|filename="+name, content, "ticket_id", to), "Idempotency-Key", key)
	}
	first := send("k", "a.txt", "hello", to)
	require.Equal(t, 201, first.status, first.text)
	require.Empty(t, first.Get("Idempotency-Replayed"))
	id, _ := first.body["id"].(string)
	s.process("bob", id, readers{})
	require.Equal(t, "processed", s.get("bob", "/api/v1/files/"+id).body["status"])
	events := s.events()

	again := send("k", "a.txt", "hello", to)
	require.Equal(t, "true", again.Get("Idempotency-Replayed"))
	require.Equal(t, first.status, again.status)
	require.Equal(t, first.body, again.body, "as it was then")
	for _, name := range []string{"ETag", "Location", "X-Event-Position"} {
		require.Equal(t, first.Get(name), again.Get(name), name)
	}
	for name, other := range map[string]reply{
		"other bytes": send("k", "a.txt", "other", to), "another name": send("k", "b.txt", "hello", to), "no ticket": send("k", "a.txt", "hello", ""),
		"another request": s.post("bob", "/api/v1/tickets", `{"title":"a","description":"b"}`, "Idempotency-Key", "k"),
	} {
		require.Equal(t, 422, other.status, name)
		require.Contains(t, other.text, "idempotency_key_reused", name)
	}
	require.Equal(t, events, s.events(), "nothing happened")

	require.Equal(t, 201, s.post("bob", "/api/v1/tickets", `{"title":"a","description":"b"}`, "Idempotency-Key", "ticket").status)
	require.Equal(t, 422, send("ticket", "a.txt", "hello", to).status)
	require.Equal(t, 422, send("é", "a.txt", "hello", to).status)

	require.Equal(t, 400, send("second", "a.exe", "hello", "").status)
	better := send("second", "a.txt", "hello", "")
	require.Equal(t, 200, better.status, "what was refused is not kept")
	require.Empty(t, better.Get("Idempotency-Replayed"), "nothing was made before")
	require.Equal(t, 200, s.upload("cyd", newForm("file|filename=a.txt", "x"), "Idempotency-Key", "k").status, "a key is its owner's")

	s.pool.Close()
	require.Equal(t, 500, send("third", "a.txt", "hello", "").status)
}

func TestUploadsHaveABudgetOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newShelf(t, func(c *Config) {
		c.Limits = Limits{Default: Limit{Requests: 3, Window: time.Hour}, Upload: Limit{Requests: 2, Window: time.Hour}}
	})
	for range 2 {
		require.Equal(t, 200, s.upload("bob", newForm("file|filename=a.txt", "x")).status)
	}
	answer := s.upload("bob", newForm("file|filename=a.txt", "x"))
	require.Equal(t, 429, answer.status)
	require.Equal(t, "2", answer.Get("X-RateLimit-Limit"))
	require.NotEmpty(t, answer.Get("Retry-After"))
	require.Equal(t, "2", s.get("bob", "/api/v1/files").Get("X-RateLimit-Remaining"), "the other budget is not touched")
	require.Equal(t, 200, s.upload("cyd", newForm("file|filename=a.txt", "x")).status)
}

// What is our fault is not told to be the client's.
func TestAStoreThatIsBroken(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.stageFault = errors.New("the folder is read-only")
	answer := s.upload("bob", newForm("file|filename=a.txt", "x"))
	require.Equal(t, 500, answer.status)
	require.Contains(t, s.log.String(), "the folder is read-only")
	s.stageFault = commands.ErrStorageFull
	answer = s.upload("bob", newForm("file|filename=a.txt", "x"))
	require.Equal(t, 507, answer.status)
	require.Contains(t, answer.text, "storage_full")
	require.Equal(t, []string{"file.upload_started", "file.upload_refused", "file.upload_started", "file.upload_refused"}, s.events())
}

// What huma cannot know of a body that it does not read.
func TestTheDocumentDescribesTheUpload(t *testing.T) {
	t.Parallel()
	document := bare(slog.New(slog.DiscardHandler)).OpenAPI()
	o := document.Paths["/api/v1/files/upload"].Post
	schema := o.RequestBody.Content["multipart/form-data"].Schema
	require.Equal(t, "binary", schema.Properties["file"].Format)
	require.Equal(t, []string{"file"}, schema.Required)
	for _, status := range []string{"200", "201"} {
		require.Equal(t, "#/components/schemas/File", o.Responses[status].Content["application/json"].Schema.Ref, status)
	}
	for _, status := range []string{"400", "404", "408", "413", "415", "422", "429", "507"} {
		require.Contains(t, o.Responses, status)
	}
	for _, path := range []string{"content", "storage/{filename}"} {
		o := document.Paths["/api/v1/files/{file_id}/"+path]
		require.Nil(t, o.Head, "it is answered, and as every GET is")
		for _, status := range []string{"200", "206"} {
			require.Equal(t, "binary", o.Get.Responses[status].Content["application/octet-stream"].Schema.Format)
		}
	}
}
