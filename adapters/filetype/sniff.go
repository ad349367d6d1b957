package filetype

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"

	"ticketd/domain/file"
)

const (
	plain   = "text/plain"
	unknown = "application/octet-stream"
)

// sniff answers what the head of the upload looks like.
func (w *window) sniff() *mimetype.MIME {
	sniffed := mimetype.Detect(w.head)
	// Some formats are told by two or three letters that a sentence may begin with as well: "MZ", "BM", "FWS". What has
	// nothing but text in it is text, unless it is a format that is written as text.
	if !isText(sniffed) && !slices.Contains(writtenAsText, sniffed.String()) && onlyText(w.head) {
		return mimetype.Lookup(plain)
	}
	return sniffed
}

// writtenAsText are the formats that may have no byte in them that text has not.
var writtenAsText = []string{
	"application/pdf", "application/vnd.fdf", "application/postscript", "image/x-xpixmap", "application/vnd.apple.mpegurl",
	"application/x-bittorrent", "image/vnd.dxf", "application/pkcs7-signature", "application/vnd.framemaker",
}

// onlyText reports whether nothing but readable text is in the bytes.
func onlyText(head []byte) bool {
	if len(head) == headMost { // which may end in the middle of a character
		head = head[:headMost-utf8.UTFMax]
		for len(head) > 0 && head[len(head)-1] >= utf8.RuneSelf {
			head = head[:len(head)-1]
		}
	}
	return utf8.Valid(head) && !bytes.ContainsFunc(head, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != '\x1b'
	})
}

// isText reports whether a type is text/plain or a kind of it.
func isText(m *mimetype.MIME) bool { return descends(m, plain) }

func isZip(m *mimetype.MIME) bool { return descends(m, "application/zip") }

func descends(m *mimetype.MIME, from string) bool {
	for ; m != nil; m = m.Parent() {
		if m.Is(from) {
			return true
		}
	}
	return false
}

// bare is the type without its parameters.
func bare(m *mimetype.MIME) string {
	mimeType, _, _ := strings.Cut(m.String(), ";")
	return mimeType
}

// checkContent refuses executables and scripts by their bytes.
func checkContent(head []byte, sniffed *mimetype.MIME) error {
	if slices.Contains(executableTypes, bare(sniffed)) {
		return refuse(bare(sniffed), "it is a program")
	}
	if isScript(head) {
		return refuse("text/x-shellscript", "it is a script that a system runs")
	}
	if bytes.HasPrefix(head, []byte("dex\n")) {
		return refuse("application/vnd.android.dex", "it is a program")
	}
	return nil
}

// isScript reports whether a text names the program that is to run it, or is a batch file by its first words. ("#!AMR" is
// sound, and "#![" is Rust.)
func isScript(head []byte) bool {
	if rest, ok := bytes.CutPrefix(head, []byte("#!")); ok {
		return bytes.HasPrefix(bytes.TrimLeft(rest, " \t"), []byte("/"))
	}
	start := bytes.ToLower(bytes.TrimLeft(head[:min(len(head), 100)], "\ufeff \t\r\n"))
	return bytes.HasPrefix(start, []byte("@echo off"))
}

// refine makes the sniffed type more precise by what the client claims.
func refine(sniffed *mimetype.MIME, c claims) string {
	found := bare(sniffed)
	switch {
	case found == unknown:
		return firstOf(c.media(), binaryExtensions[c.extension], unknown)
	case found == plain:
		return firstOf(textExtensions[c.extension], c.media(), binaryExtensions[c.extension], c.text(), plain)
	case descends(sniffed, "text/xml") && textExtensions[c.extension] == "text/html":
		return "application/xhtml+xml"
	case isMarkup(sniffed):
		if t := textExtensions[c.extension]; t == "text/markdown" || categoryOf(t) == file.Code && !descends(sniffed, "text/xml") {
			return t // a page inside a source
		}
		return found
	case isText(sniffed):
		return firstOf(textExtensions[c.extension], found)
	case sniffed.Is("audio/mpeg") && c.declared == "audio/mp3":
		return c.declared // a synonym that clients compare with
	}
	return soundOnly(found, c)
}

// media answers the declared type when it is one of a file that the bytes cannot confirm but that is looked at again later:
// a recording or a picture that is broken says so when it is read.
func (c claims) media() string {
	if !isMedia(c.declared) && c.declared != "application/pdf" || mimetype.Lookup(c.declared) == nil {
		return ""
	}
	return c.declared
}

// text answers the declared type when it is a kind of text that we know.
func (c claims) text() string {
	known := mimetype.Lookup(c.declared)
	if known == nil || !isText(known) {
		return ""
	}
	return bare(known)
}

func isMedia(mimeType string) bool {
	return strings.HasPrefix(mimeType, "image/") || strings.HasPrefix(mimeType, "audio/") || strings.HasPrefix(mimeType, "video/")
}

func isMarkup(m *mimetype.MIME) bool {
	return descends(m, "text/xml") || m.Is("text/html") || m.Is("image/svg+xml")
}

// soundOnly tells a recording of sound from a video: both are in the same container, and only its depths know.
func soundOnly(found string, c claims) string {
	sound, ok := soundContainers[found]
	if !ok {
		return found
	}
	if strings.HasPrefix(c.declared, "audio/") || c.declared == "" && strings.HasPrefix(binaryExtensions[c.extension], "audio/") {
		return sound
	}
	return found
}

var soundContainers = map[string]string{
	"video/mp4": "audio/mp4", "video/webm": "audio/webm", "video/ogg": "audio/ogg", "application/ogg": "audio/ogg",
	"video/3gpp": "audio/3gpp", "video/3gpp2": "audio/3gpp2", "video/matroska": "audio/matroska", "video/x-ms-asf": "audio/x-ms-wma",
}

func firstOf(types ...string) string {
	return types[slices.IndexFunc(types, func(t string) bool { return t != "" })]
}
