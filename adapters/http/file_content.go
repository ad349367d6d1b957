package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	nethttp "net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"ticketd/domain/file"
	"ticketd/projections"
)

// downloadTime is how long a download may take.
const downloadTime = 6 * time.Hour

const contentManual = "Range requests are answered with 206, and If-None-Match with 304: the ETag is the SHA-256 of the bytes. HEAD is answered, too."

func (s *Server) contentRoutes() {
	const content, storage = "/api/v1/files/{file_id}/content", "/api/v1/files/{file_id}/storage/{filename}"
	octets := map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The bytes, in their own media type."}}}
	options := []option{within(downloadTime), errs(404, 409, 410, 416), func(o *huma.Operation) {
		o.Responses = map[string]*huma.Response{"200": {Description: "The file", Content: octets}, "206": {Description: "A part of the file", Content: octets}, "304": {Description: "The client has the file"}}
	}}
	register(s, op("get-file-content", nethttp.MethodGet, content, "Download a file", tagFiles, append(options, described(contentManual))...), s.fileContent)
	register(s, op("get-file-storage", nethttp.MethodGet, storage, "Show a file under its name", tagFiles, append(options,
		described("Pictures, PDF, plain text, sound and films may be shown in place; everything else is downloaded. "+contentManual))...), s.fileStorage)
	options = append(options, func(o *huma.Operation) { o.Hidden = true })
	register(s, op("head-file-content", nethttp.MethodHead, content, "", tagFiles, options...), s.fileContent)
	register(s, op("head-file-storage", nethttp.MethodHead, storage, "", tagFiles, options...), s.fileStorage)
}

type contentAnswer struct{ Body func(huma.Context) }

func (s *Server) fileContent(ctx context.Context, in *FileID) (*contentAnswer, error) {
	row, err := s.findPatiently(ctx, *in)
	if err != nil {
		return nil, err
	}
	return s.answerBytes(ctx, row, "attachment")
}

// findPatiently is findFile for what ends with the program: its statement does not.
func (s *Server) findPatiently(ctx context.Context, in FileID) (projections.FileRow, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxTime)
	defer cancel()
	return s.findFile(ctx, in)
}

func (s *Server) fileStorage(ctx context.Context, in *struct {
	FileID
	Filename string `path:"filename"`
},
) (*contentAnswer, error) {
	row, err := s.findPatiently(ctx, in.FileID)
	if err != nil {
		return nil, err
	}
	if row.Filename != in.Filename {
		return nil, file.ErrNotFound
	}
	if showable(row.MIMEType) {
		return s.answerBytes(ctx, row, "inline")
	}
	return s.answerBytes(ctx, row, "attachment")
}

// showable reports what a browser may show in place: nothing that runs.
func showable(mimeType string) bool {
	media, _, _ := strings.Cut(mimeType, ";")
	switch kind, _, _ := strings.Cut(media, "/"); kind {
	case "image":
		return media != "image/svg+xml"
	case "audio", "video":
		return true
	}
	return media == "application/pdf" || media == "text/plain"
}

// errBytesGone answers who asks for bytes that the store has lost.
func errBytesGone(ctx context.Context) error {
	return newProblem(ctx, nethttp.StatusGone, "file_gone", "The bytes of this file are no longer in the store; upload it again.")
}

func (s *Server) answerBytes(ctx context.Context, row projections.FileRow, disposition string) (*contentAnswer, error) {
	if row.Status == projections.FileQuarantined {
		return nil, file.ErrInfected
	}
	blob, err := s.OpenBlob(ctx, row.Blob())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errBytesGone(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &contentAnswer{Body: func(c huma.Context) { s.writeBytes(ctx, c, row, disposition, blob) }}, nil
}

// bytesPolicy lets a file that a browser shows all the same do nothing.
const bytesPolicy = "default-src 'none'; sandbox"

func (s *Server) writeBytes(ctx context.Context, c huma.Context, row projections.FileRow, disposition string, blob io.ReadSeekCloser) {
	connection, done := s.stream(c)
	defer done()
	content := &watchedBlob{ReadSeekCloser: blob}
	defer func() { _ = content.Close() }() // nothing was written to it
	for name, value := range map[string]string{
		"Content-Type": mediaType(row.MIMEType, content), "Content-Disposition": dispositionOf(disposition, row.Filename), "ETag": `"` + row.ContentHash + `"`,
		"Content-Security-Policy": bytesPolicy, "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "private, no-cache",
	} {
		c.SetHeader(name, value)
	}
	response, r := humaecho.Unwrap(c).Response(), humaecho.Unwrap(c).Request()
	nethttp.ServeContent(&pacedWriter{ResponseWriter: response, server: s, connection: connection, ctx: ctx}, r, "", row.CreatedAt, content)
	if content.err != nil {
		s.Logger.WarnContext(ctx, "a download was cut off", "file", row.ID, "cause", content.err, "request_id", requestID(ctx))
	}
	_ = connection.SetWriteDeadline(time.Time{}) // the connection lives on, if it was not cut off
}

// charsetWindow is how much of a text is looked at to tell its charset, in bytes.
const charsetWindow = 64 << 10

// mediaType answers a media type, with the charset if the content is a text that begins as UTF-8: a browser that is not told
// takes it for something older. What it reads is read again, for net/http looks for the content's size first.
func mediaType(known string, content io.Reader) string {
	if !strings.HasPrefix(known, "text/") || strings.Contains(known, ";") {
		return known
	}
	window := make([]byte, charsetWindow)
	n, err := io.ReadFull(content, window)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // nothing is known of it; whoever reads on says why
		return known
	}
	window = window[:n]
	if err == nil { // the last character may be cut
		last := n - 1
		for last > n-utf8.UTFMax && !utf8.RuneStart(window[last]) {
			last--
		}
		if !utf8.FullRune(window[last:]) {
			window = window[:last]
		}
	}
	if !utf8.Valid(window) || bytes.IndexByte(window, 0) >= 0 { // the latter is UTF-16, which may look like UTF-8
		return known
	}
	return known + "; charset=utf-8"
}

// dispositionOf names a file for clients that know RFC 6266, and a little less well for others.
func dispositionOf(how, name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	value := how + `; filename="` + plain + `"`
	if plain != name {
		value += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return value
}

// watchedBlob notes what went wrong while bytes were read, which net/http keeps to itself.
type watchedBlob struct {
	io.ReadSeekCloser
	err error
}

// Read implements io.Reader.
func (b *watchedBlob) Read(p []byte) (int, error) {
	n, err := b.ReadSeekCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// pacedWriter gives a client its time for every piece that it takes, and answers a wrong range as all refusals are.
type pacedWriter struct {
	nethttp.ResponseWriter
	server     *Server
	connection *nethttp.ResponseController
	ctx        context.Context
	refused    bool
}

// WriteHeader implements net/http's ResponseWriter.
func (w *pacedWriter) WriteHeader(status int) {
	w.refused = status == nethttp.StatusRequestedRangeNotSatisfiable
	if !w.refused {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	header := w.Header()
	for _, name := range []string{"Content-Length", "Content-Disposition"} {
		header.Del(name)
	}
	header.Set("Content-Type", "application/problem+json")
	w.ResponseWriter.WriteHeader(status)
	problem := newProblem(w.ctx, status, "", "The file has no such range; the Content-Range header says how long it is.")
	_ = json.NewEncoder(w.ResponseWriter).Encode(problem) // the client has gone if this does not arrive
}

// Write implements io.Writer.
func (w *pacedWriter) Write(p []byte) (int, error) {
	if w.refused { // what net/http would say
		return len(p), nil
	}
	if err := w.server.nextPage(w.connection); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}
