package filetype

import (
	"mime"
	"path"
	"slices"
	"strings"
	"unicode"
)

// claims is what a client says of an upload.
type claims struct {
	name      string
	extension string // with its dot, in lower case; empty when there is none
	declared  string // in lower case and without parameters; empty when it says nothing
}

// orType names the upload in a refusal.
func (c claims) orType(mimeType string) string {
	if c.extension != "" {
		return c.extension
	}
	return mimeType
}

// extension answers the last extension of a name as a system sees it: Windows drops dots and spaces at the end, and takes
// what is behind a colon for a stream of the file.
func extension(name string) string {
	return printable(strings.ToLower(path.Ext(strings.TrimRight(name, ". "))))
}

// printable makes a claim fit to be quoted in a refusal.
func printable(claim string) string {
	claim = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, claim)
	const most = 100
	if len(claim) > most {
		return strings.ToValidUTF8(claim[:most], "")
	}
	return claim
}

func mediaType(declared string) string {
	mediaType, _, err := mime.ParseMediaType(declared)
	if err != nil {
		mediaType, _, _ = strings.Cut(strings.ToLower(declared), ";")
	}
	mediaType = printable(strings.TrimSpace(mediaType))
	if mediaType == "application/octet-stream" || mediaType == "binary/octet-stream" { // says that it does not know
		return ""
	}
	return mediaType
}

// check refuses what calls itself an executable or a script, and names that are made to mislead.
func (c claims) check() error {
	if executable(c.extension) {
		return refuse(c.extension, "")
	}
	if slices.Contains(macroExtensions, c.extension) {
		return refuse(c.extension, macros)
	}
	if slices.Contains(executableTypes, c.declared) {
		return refuse(c.declared, "")
	}
	if strings.Contains(c.declared, "macroenabled") && c.declared != xlsb { // which is called so without having any
		return refuse(c.declared, macros)
	}
	for _, r := range c.name {
		if unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return refuse(c.orType("with such a name"), "its name has characters in it that hide what it is")
		}
	}
	for part := range strings.FieldsFuncSeq(c.name, func(r rune) bool { return r == ':' || r == '/' || r == '\\' }) {
		if hidden := misleading(part); hidden != "" {
			return refuse(hidden, "its name hides that it is one")
		}
	}
	return nil
}

// misleading answers the extension of an executable that a name hides behind another: "invoice.exe.pdf".
func misleading(name string) string {
	all := strings.Split(strings.ToLower(name), ".")
	for i, part := range all[1:] {
		part = "." + strings.TrimSpace(part)
		if slices.Contains(windowsPrograms, part) || i == len(all)-2 && executable(part) {
			return part
		}
	}
	return ""
}
