package main

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"mime/multipart"
	nethttp "net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// form is a multipart body: fields by name, and the file under "file".
type form struct {
	name, declared string
	content        []byte
	fields         [][2]string // before the file
	after          [][2]string
}

// send uploads and answers whatever comes.
func (c *client) send(path string, f form) answer {
	c.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, field := range f.fields {
		require.NoError(c.t, w.WriteField(field[0], field[1]))
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition("file", f.name))
	if f.declared != "" {
		header.Set("Content-Type", f.declared)
	}
	part, err := w.CreatePart(header)
	require.NoError(c.t, err)
	_, err = part.Write(f.content)
	require.NoError(c.t, err)
	for _, field := range f.after {
		require.NoError(c.t, w.WriteField(field[0], field[1]))
	}
	require.NoError(c.t, w.Close())
	request, err := nethttp.NewRequestWithContext(c.t.Context(), "POST", c.url+path, &body)
	require.NoError(c.t, err)
	request.Header = c.header.Clone()
	request.Header.Set("Content-Type", w.FormDataContentType())
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := web.Do(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	return answer{t: c.t, status: response.StatusCode, header: response.Header, raw: raw}
}

// upload sends a file without a ticket.
func (c *client) upload(name string, content []byte, fields ...[2]string) answer {
	c.t.Helper()
	a := c.send("/api/v1/files/upload", form{name: name, content: content, fields: fields})
	require.Contains(c.t, []int{200, 201}, a.status, "%s", a.raw)
	return a
}

// read waits until a file has been read, and answers it.
func (c *client) read(id string) answer {
	c.t.Helper()
	var a answer
	eventually(c.t, func() bool {
		a = c.get("/api/v1/files/" + id)
		switch a.text("processing_status") {
		case "completed", "failed", "skipped":
			return true
		}
		return false
	}, "file %s", id)
	return a
}

// screenshot draws lines of text as a browser might.
func screenshot(t *testing.T, lines ...string) []byte {
	t.Helper()
	parsed, err := opentype.Parse(goregular.TTF)
	require.NoError(t, err)
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 18, DPI: 72, Hinting: font.HintingFull})
	require.NoError(t, err)
	picture := image.NewRGBA(image.Rect(0, 0, 640, 60+30*len(lines)))
	draw.Draw(picture, picture.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	for n, line := range lines {
		d := font.Drawer{Dst: picture, Src: image.Black, Face: face, Dot: fixed.P(30, 50+30*n)}
		d.DrawString(line)
	}
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, picture))
	return out.Bytes()
}

// spoken is a recording of somebody who speaks.
func spoken(t *testing.T, words string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spoken.wav")
	out, err := exec.CommandContext(t.Context(), "espeak-ng", "-v", "en-us", "-s", "130", "-w", path, words).CombinedOutput()
	require.NoError(t, err, "%s", out)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}
