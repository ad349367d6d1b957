package filetype_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/filetype"
	"ticketd/domain"
	"ticketd/domain/file"
)

func inspect(tb testing.TB, content []byte, name, declared string) (string, file.Category, error) {
	tb.Helper()
	return filetype.New(false).Inspect(tb.Context(), bytes.NewReader(content), int64(len(content)), name, declared)
}

func requireType(tb testing.TB, mimeType string, category file.Category, content []byte, name, declared string) {
	tb.Helper()
	gotType, gotCategory, err := inspect(tb, content, name, declared)
	require.NoError(tb, err, "%s, %s", name, declared)
	require.Equal(tb, mimeType, gotType, "%s, %s", name, declared)
	require.Equal(tb, category, gotCategory, "%s, %s", name, declared)
}

func requireRefused(tb testing.TB, message string, content []byte, name, declared string) {
	tb.Helper()
	_, _, err := inspect(tb, content, name, declared)
	require.ErrorIs(tb, err, filetype.ErrNotAllowed, "%q, %q", name, declared)
	refusal, _ := errors.AsType[*domain.Error](err)
	require.Equal(tb, domain.BadReference, refusal.Kind)
	require.Equal(tb, "file_type_not_allowed", refusal.Code)
	require.Equal(tb, "file", refusal.Field)
	require.Regexp(tb, "^File type "+message, refusal.Message)
}

const word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

func TestTheBytesSayWhatAFileIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mimeType string
		category file.Category
		content  []byte
	}{
		{"image/png", file.Image, pngFile(t)},
		{"image/jpeg", file.Image, jpegFile(t)},
		{"image/gif", file.Image, gifFile(t)},
		{"application/pdf", file.Document, pdfFile("")},
		{word, file.Document, docxFile(t)},
		{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", file.Spreadsheet, xlsxFile(t)},
		{"application/vnd.openxmlformats-officedocument.presentationml.presentation", file.Presentation, pptxFile(t)},
		{"application/vnd.ms-excel.sheet.binary.macroenabled.12", file.Spreadsheet, packed(t, "[Content_Types].xml", "", "xl/workbook.bin", "")},
		{"application/vnd.ms-visio.drawing.main+xml", file.Document, packed(t, "[Content_Types].xml", "", "visio/document.xml", "")},
		{"application/vnd.oasis.opendocument.text", file.Document, odtFile(t)},
		{"application/epub+zip", file.Document, stored(t, "mimetype", "application/epub+zip", "META-INF/container.xml", "<c/>")},
		{"application/zip", file.Archive, packed(t, "a.txt", "hello")},
		{"application/zip", file.Archive, packed(t)},
		{"application/zip", file.Archive, packed(t, "[Content_Types].xml", "", "word.txt", "called like a document's part")},
		{"application/x-tar", file.Archive, tarFile(t, "a.txt", []byte("hello"))},
		{"application/gzip", file.Archive, gzipFile(t, []byte("hello"))},
		{"application/msword", file.Document, oleFile("\x06\x09\x02\x00", nil, "WordDocument")},
		{"application/vnd.ms-excel", file.Spreadsheet, oleFile("", nil, "Workbook")},
		{"application/vnd.ms-powerpoint", file.Presentation, oleFile("", filler(3<<20), "PowerPoint Document")},
		{"application/vnd.ms-outlook", file.Document, oleFile("", filler(5000), "WordDocument", "__nameid_version1.0")},
		{"application/x-ole-storage", file.Other, oleFile("", nil, "Something")},
		{"text/html", file.Document, []byte("<!DOCTYPE html><html><script>alert(1)</script></html>")},
		{"image/svg+xml", file.Image, []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)},
		{"text/rtf", file.Document, []byte(`{\rtf1 hello}`)},
		{"text/plain", file.Text, []byte("hello\n")},
		{"text/plain", file.Text, []byte("\xff\xfeh\x00i\x00")},
		{"application/json", file.Code, []byte(`{"a": [1, 2]}`)},
		{"application/octet-stream", file.Other, filler(100)},
	} {
		for _, name := range []string{"file", "file.png", "file.pdf", "file.mp3"} {
			if c.mimeType == "text/plain" || c.mimeType == "application/octet-stream" {
				name = "file"
			}
			requireType(t, c.mimeType, c.category, c.content, name, "")
		}
	}
}

func TestARecordingIsToldByItsBytes(t *testing.T) {
	t.Parallel()
	sound := []string{"-map", "0:a"}
	both := []string{"-map", "0:a", "-map", "1:v"}
	for _, c := range []struct {
		name, declared string
		args           []string
		mimeType       string
		category       file.Category
	}{
		{"a.mp3", "", sound, "audio/mpeg", file.Audio},
		{"a.mp3", "audio/mpeg", sound, "audio/mpeg", file.Audio},
		{"a.mp3", "audio/mp3", sound, "audio/mp3", file.Audio},
		{"a.wav", "audio/x-wav", sound, "audio/wav", file.Audio},
		{"a.ogg", "", sound, "audio/ogg", file.Audio},
		{"a.flac", "", sound, "audio/flac", file.Audio},
		{"a.m4a", "", sound, "audio/x-m4a", file.Audio},
		{"a.mp4", "", append(both, "-c:v", "mpeg4"), "video/mp4", file.Video},
		{"a.mp4", "video/mp4", append(both, "-c:v", "mpeg4"), "video/mp4", file.Video},
		{"a.mp4", "audio/mp4", sound, "audio/mp4", file.Audio},
		{"a.webm", "audio/webm", append(sound, "-c:a", "libopus"), "audio/webm", file.Audio},
		{"a.webm", "", append(both, "-c:a", "libopus", "-c:v", "libvpx"), "video/webm", file.Video},
		{"a.mka", "", append(sound, "-f", "matroska"), "audio/matroska", file.Audio},
		{"a.mov", "", append(both, "-c:v", "mpeg4"), "video/quicktime", file.Video},
		{"a.avi", "", append(both, "-c:v", "mpeg4"), "video/x-msvideo", file.Video},
		{"a.ts", "", append(both, "-f", "mpegts"), "video/mp2t", file.Video},
	} {
		requireType(t, c.mimeType, c.category, recording(t, c.name, c.args...), c.name, c.declared)
	}
}

func TestTextIsToldByItsName(t *testing.T) {
	t.Parallel()
	prose := []byte("some, words\nand, more\n")
	for name, want := range map[string]struct {
		mimeType string
		category file.Category
	}{
		"a.txt": {"text/plain", file.Text}, "server.log": {"text/plain", file.Text}, "README.md": {"text/markdown", file.Text},
		"a.csv": {"text/csv", file.Spreadsheet}, "main.go": {"text/x-go", file.Code}, "a.py": {"text/x-python", file.Code},
		"a.js": {"text/javascript", file.Code}, "a.ts": {"text/x-typescript", file.Code}, "A.JAVA": {"text/x-java", file.Code},
		"a.c": {"text/x-c", file.Code}, "a.sql": {"application/sql", file.Code}, "a.json": {"application/json", file.Code},
		"a.yaml": {"application/yaml", file.Code}, "a.css": {"text/css", file.Code}, "a.xml": {"text/xml", file.Code},
		"a.html": {"text/html", file.Document}, "a.eml": {"message/rfc822", file.Document}, "a.ics": {"text/calendar", file.Text},
		"a.rst": {"text/x-rst", file.Text},
	} {
		requireType(t, want.mimeType, want.category, prose, name, "application/octet-stream")
	}
	requireType(t, "text/x-typescript", file.Code, []byte("let a = 1"), "a.ts", "video/mp2t")
	requireType(t, "text/csv", file.Spreadsheet, prose, "a.csv", "application/vnd.ms-excel")
	requireType(t, "text/plain", file.Text, prose, "a.txt", "text/csv")
	requireType(t, "text/calendar", file.Text, []byte("hello"), "file", "text/calendar; charset=utf-8")
	requireType(t, "text/plain", file.Text, []byte("hello"), "file", "nonsense")
	requireType(t, "text/plain", file.Text, []byte("hello"), "file", "application/msword")
}

func TestAPageInsideASourceIsASource(t *testing.T) {
	t.Parallel()
	page := []byte("<!doctype html>\n<html><body>hello</body></html>")
	requireType(t, "text/markdown", file.Text, page, "a.md", "")
	requireType(t, "text/x-php", file.Code, page, "a.php", "")
	requireType(t, "text/html", file.Document, page, "a.txt", "text/plain")
	requireType(t, "text/html", file.Document, page, "a.png", "image/png")
	requireType(t, "text/xml", file.Code, []byte(`<?xml version="1.0"?><a/>`), "a.java", "")
	requireType(t, "application/xhtml+xml", file.Document, []byte(`<?xml version="1.0"?><a/>`), "a.html", "")
	requireType(t, "application/vnd.google-earth.kml+xml", file.Code, []byte(`<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"/>`), "a.kml", "")
}

func TestSentencesThatBeginLikeAProgramAreText(t *testing.T) {
	t.Parallel()
	for _, sentence := range []string{
		"MZ is a region.", "BM, which is short", "FWS means more", "CWS is another", strings.Repeat("MZ Ümläut ", 20_000),
		"#!AMR is how a sound begins", "#![allow(dead_code)]\nfn main() {}", "PKs are keys",
	} {
		requireType(t, "text/plain", file.Text, []byte(sentence), "note.txt", "text/plain")
	}
}

func TestWhatTheBytesCannotSayIsBelieved(t *testing.T) {
	t.Parallel()
	// Whether it is true is found when the file is read.
	for _, fake := range [][]byte{[]byte("fake audio data"), filler(100)} {
		requireType(t, "audio/mp3", file.Audio, fake, "test.mp3", "audio/mp3")
		requireType(t, "audio/mpeg", file.Audio, fake, "test.mp3", "")
		requireType(t, "image/png", file.Image, fake, "shot", "image/png")
		requireType(t, "video/mp4", file.Video, fake, "test.mp4", "video/mp4; codecs=avc1")
		requireType(t, "application/pdf", file.Document, fake, "a", "application/pdf")
	}
	requireType(t, "application/octet-stream", file.Other, filler(100), "a", "image/not-a-picture")
	requireType(t, "application/octet-stream", file.Other, filler(100), "a.doc", "application/msword")
}

func TestNothingIsNoFile(t *testing.T) {
	t.Parallel()
	_, _, err := inspect(t, nil, "a.txt", "text/plain")
	require.ErrorIs(t, err, filetype.ErrEmpty)
	require.Equal(t, domain.BadReference, domain.KindOf(err))
	require.EqualError(t, err, "file_empty: The file is empty.")
}

func TestAStrictInstallationTakesFewTypes(t *testing.T) {
	t.Parallel()
	strict := filetype.New(true)
	for _, c := range []struct {
		content        []byte
		name, declared string
		allowed        bool
	}{
		{pngFile(t), "a.png", "", true},
		{jpegFile(t), "a.jpg", "", true},
		{gifFile(t), "a.gif", "", true},
		{pdfFile(""), "a.pdf", "", true},
		{[]byte("a,b\nc,d\n"), "a.txt", "", true},
		{recording(t, "a.mp3", "-map", "0:a"), "a.mp3", "audio/mp3", true},
		{recording(t, "a.wav", "-map", "0:a"), "a.wav", "audio/x-wav", true},
		{recording(t, "a.mp4", "-c:v", "mpeg4"), "a.mp4", "", true},
		{filler(9), "a.wav", "audio/x-wav", true},
		{docxFile(t), "a.docx", "", false},
		{packed(t, "a.txt", ""), "a.zip", "", false},
		{[]byte("a,b\nc,d\n"), "a.csv", "", false},
		{[]byte("<html></html>"), "a.txt", "", false},
		{filler(9), "a", "", false},
	} {
		_, _, err := strict.Inspect(t.Context(), bytes.NewReader(c.content), int64(len(c.content)), c.name, c.declared)
		if c.allowed {
			require.NoError(t, err, c.name)
		} else {
			require.ErrorIs(t, err, filetype.ErrNotAllowed, c.name)
		}
	}
	_, _, err := strict.Inspect(t.Context(), strings.NewReader("<html></html>"), 13, "a.txt", "")
	require.EqualError(t, err, "file_type_not_allowed: File type text/html not allowed")
}

type brokenDisk struct{ good int64 }

func (b brokenDisk) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.good {
		return 0, errors.New("disk on fire")
	}
	copy(p, oleFile("", nil))
	return len(p), nil
}

func TestWhatCannotBeReadIsNoRefusal(t *testing.T) {
	t.Parallel()
	for _, good := range []int64{0, 70_000, 1 << 20} {
		_, _, err := filetype.New(false).Inspect(t.Context(), brokenDisk{good: good}, 1<<20+100, "a.doc", "")
		require.ErrorContains(t, err, "read the upload: disk on fire")
		require.Equal(t, domain.Internal, domain.KindOf(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	content := oleFile("", filler(3<<20), "WordDocument")
	_, _, err := filetype.New(false).Inspect(ctx, bytes.NewReader(content), int64(len(content)), "a.doc", "")
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzInspect(f *testing.F) {
	for _, seed := range [][]byte{
		pngFile(f), pdfFile("x"), docxFile(f), xlsxFile(f), odtFile(f), oleFile("", filler(1000), "_VBA_PROJECT"), gzipFile(f, []byte("x")),
		append(gifFile(f), packed(f, "a.zip", string(packed(f, "b.txt", "x")))...), []byte("#!/bin/sh"), []byte("MZ\x00"),
		append(pngFile(f), commented(packed(f, "b.txt", "x"), "PK\x05\x06"+strings.Repeat("\x00", 16)+"\xff\xff")...), large(f),
		written(part{name: "a.zip", content: string(written(part{name: "b"})), flags: 8, behind: strings.Repeat("x", 16)}, part{name: "c", extra: sizesField(1, 1)}),
	} {
		f.Add(seed, "a.b", "text/plain")
	}
	f.Fuzz(func(t *testing.T, content []byte, name, declared string) {
		mimeType, category, err := filetype.New(false).Inspect(t.Context(), bytes.NewReader(content), int64(len(content)), name, declared)
		if err != nil {
			_, refusal := errors.AsType[*domain.Error](err)
			require.True(t, refusal, "%v", err)
			return
		}
		require.NotEmpty(t, mimeType)
		require.True(t, category.Valid())
	})
}

func BenchmarkInspect(b *testing.B) {
	const size = 100 << 20
	for name, content := range map[string][]byte{
		"video": append([]byte("\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"), filler(size)...),
		"ole":   oleFile("", filler(size), "WordDocument"),
		"text":  bytes.Repeat([]byte("a line of a log, as there are many\n"), size/35),
		"zip":   stored(b, "a.bin", string(filler(size))),
		"10000": stored(b, many(9_999)...),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var r io.ReaderAt = bytes.NewReader(content)
			for b.Loop() {
				_, _, err := filetype.New(false).Inspect(b.Context(), r, int64(len(content)), "a", "")
				require.NoError(b, err)
			}
		})
	}
}
