package filetype

import (
	"bytes"
	"slices"
	"strings"
)

// containers are the types that may hold whole archives among other things: an attachment in a mail, a table in a letter.
// One of them is an archive too only when the archive ends where the file does.
var containers = []string{
	"application/x-tar", "application/x-7z-compressed", "application/vnd.rar", "application/gzip", "application/x-cpio",
	"application/vnd.sqlite3", "application/x-ole-storage", "application/msword", "application/vnd.ms-excel",
	"application/vnd.ms-powerpoint", "application/vnd.ms-outlook", "application/vnd.ms-publisher",
}

// lookalikes is how many ends of archives are tried. No honest file has more than one or two by chance.
const lookalikes = 100

// hidesArchive reports whether the upload, which is something else, opens as a zip archive as well. Programs differ in which
// end of an archive they take, so every one is tried, and a file with too many to try is refused for them.
func (w *window) hidesArchive(mimeType string) bool {
	container := slices.Contains(containers, mimeType)
	tried := 0
	for at := len(w.tail); ; {
		if at = bytes.LastIndex(w.tail[:at], []byte(endSignature)); at < 0 {
			return false
		}
		end := w.tail[at:]
		if len(end) < endLength || container && !endsFile(end) {
			continue
		}
		if tried++; tried > lookalikes || readEnd(end, w.size).opens(w.upload) {
			return true
		}
	}
}

// hidesPage answers what is in a picture, a recording or a PDF that a browser would take for a page, or a server for a
// program, if somebody made them believe that it is one.
//
// Such a file must have that where its format lets anybody write anything: in comments near its beginning, or behind its
// end. So only the head and the tail are searched, and only for tags that are written out with what must follow them. What
// cameras and programs write there of themselves (XMP) is XML too, but has none of these tags; and compressed bytes have
// one of them by chance once in a billion files. In a PDF pages may speak of HTML in plain letters, so only what is
// before them, and behind them, is searched.
func (w *window) hidesPage(mimeType string) string {
	var places [][]byte
	switch {
	case mimeType == "application/pdf":
		const before = 1 << 10
		places = append(places, w.head[:min(before, len(w.head))])
		if end := bytes.LastIndex(w.tail, []byte("%%EOF")); end >= 0 {
			places = append(places, w.tail[end:])
		}
	case isMedia(mimeType) && mimeType != "image/svg+xml": // which is made of tags
		places = append(places, w.head, w.tail)
	}
	for _, place := range places {
		if mark := pageMark(place); mark != "" {
			return mark
		}
	}
	return ""
}

// pageMarks begin a page or a program, each with one of what may follow it.
var pageMarks = []struct{ tag, then string }{
	{"<script", " >\t\r\n/"}, {"<html", " >\t\r\n/"}, {"<!doctype html", " >\t\r\n"}, {"<?php", " \t\r\n"},
}

func pageMark(place []byte) string {
	for rest := place; ; {
		at := bytes.IndexByte(rest, '<')
		if at < 0 {
			return ""
		}
		rest = rest[at:]
		for _, m := range pageMarks {
			if n := len(m.tag); len(rest) > n && strings.IndexByte(m.then, rest[n]) >= 0 && strings.EqualFold(string(rest[:n]), m.tag) {
				return m.tag
			}
		}
		rest = rest[1:]
	}
}
