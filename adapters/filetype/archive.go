package filetype

import (
	"bytes"
	"compress/flate"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// What an archive may hold, with the archives in it.
const (
	unpackedMost = 1 << 30  // bytes
	ratioFree    = 50 << 20 // bytes that may be packed as tightly as they can
	ratioMost    = 100
	entriesMost  = 10_000
	depthMost    = 3 // archives inside archives
	// An archive inside an archive is unpacked to see its directory when it is no larger than innerMost, and no more than
	// innerTotal in all: what is larger is not unpacked by anybody here, and is the scanner's.
	innerMost  = 4 << 20
	innerTotal = 8 << 20
)

// Office's own types.
const (
	office = "application/vnd.openxmlformats-officedocument."
	docx   = office + "wordprocessingml.document"
	xlsx   = office + "spreadsheetml.sheet"
	pptx   = office + "presentationml.presentation"
	xlsb   = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
	vsdx   = "application/vnd.ms-visio.drawing.main+xml"
)

// unfit says what is wrong with an archive.
type unfit string

func (u unfit) Error() string { return string(u) }

// archive is what is learned of an archive and those in it.
type archive struct {
	size     int64 // of the upload
	unpacked uint64
	entries  int
	inner    int64               // bytes of archives that were unpacked
	names    map[string]struct{} // those in marks that the outermost archive has
}

// inspectArchive answers which kind of archive the upload is, and refuses one that is made to harm.
func (w *window) inspectArchive(sniffed *mimetype.MIME, c claims) (string, error) {
	a := archive{size: w.size, names: map[string]struct{}{}}
	label := c.orType(bare(sniffed))
	d, found, err := findDirectory(w.upload, w.size, w.tail)
	if !found {
		return "", refuse(label, "it is an archive whose directory cannot be read")
	}
	if err == nil {
		err = a.read(w.upload, d, 0)
	}
	if err != nil {
		return "", refuse(label, err.Error())
	}
	mimeType := a.kind(sniffed)
	if slices.Contains(executableTypes, mimeType) {
		return "", refuse(mimeType, "it is a program")
	}
	if strings.Contains(mimeType, "opendocument") && (a.has("basic/") || a.has("scripts/")) {
		return "", refuse(label, macros)
	}
	return mimeType, nil
}

const macros = "documents with macros are programs"

// marks are the names, or their first element, that tell one kind of archive from another.
var marks = []string{
	"[content_types].xml", "word/", "xl/", "xl/workbook.bin", "ppt/", "visio/", "basic/", "scripts/",
	"meta-inf/manifest.mf", "androidmanifest.xml", "classes.dex", "appxmanifest.xml",
}

func (a *archive) has(mark string) bool {
	_, ok := a.names[mark]
	return ok
}

// kind answers the MIME type of the outermost archive.
func (a *archive) kind(sniffed *mimetype.MIME) string {
	switch {
	case a.has("androidmanifest.xml"), a.has("classes.dex"):
		return "application/vnd.android.package-archive"
	case a.has("meta-inf/manifest.mf"):
		return "application/java-archive"
	case a.has("appxmanifest.xml"):
		return "application/appx"
	case a.has("[content_types].xml") && a.has("word/"):
		return docx
	case a.has("[content_types].xml") && a.has("xl/workbook.bin"):
		return xlsb
	case a.has("[content_types].xml") && a.has("xl/"):
		return xlsx
	case a.has("[content_types].xml") && a.has("ppt/"):
		return pptx
	case a.has("[content_types].xml") && a.has("visio/"):
		return vsdx
	}
	// The other kinds say what they are in their first file, which is not packed, or are called so by a file at the top.
	found := bare(sniffed)
	if strings.HasPrefix(found, office) || slices.Contains(executableTypes, found) || found == vsdx {
		return "application/zip"
	}
	return found
}

// read looks at all that a directory lists. Errors: unfit.
func (a *archive) read(r io.ReaderAt, d directory, depth int) error {
	var spans []span
	var inner []content
	err := d.entries(r, func(e entry) error {
		if err := a.take(e); err != nil {
			return err
		}
		if depth == 0 {
			a.note(e.name)
		}
		s, at, err := e.find(r, d.start())
		if err != nil {
			return err
		}
		if e.isArchive() {
			inner = append(inner, content{entry: e, at: at})
		}
		spans = append(spans, s)
		return nil
	})
	if err != nil {
		return err
	}
	// Before any is entered: the same bytes a thousand times would be a thousand archives.
	if err := apart(spans, d.start()); err != nil {
		return err
	}
	for _, c := range inner {
		if err := a.enter(r, c, depth); err != nil {
			return err
		}
	}
	return nil
}

// take counts a file and looks at its name and its kind.
func (a *archive) take(e entry) error {
	if a.entries++; a.entries > entriesMost {
		return unfit("it holds more than 10,000 files")
	}
	if e.unpacked > unpackedMost || a.unpacked+e.unpacked > unpackedMost {
		return unfit("it would unpack to more than 1 GB")
	}
	a.unpacked += e.unpacked
	if a.unpacked > ratioFree && a.unpacked/ratioMost > uint64(a.size) { //nolint:gosec // a size is not below zero
		return unfit("it would unpack to more than a hundred times its size, as an archive bomb does")
	}
	if strays(e.name) {
		return unfit("it holds a file whose name leads out of its folder")
	}
	if !e.regular() {
		return unfit("it holds a link (" + printable(e.name) + ")")
	}
	lower := strings.ToLower(e.name)
	if path.Base(lower) == "vbaproject.bin" || strings.HasPrefix(lower, "xl/macrosheets/") {
		return unfit(macros)
	}
	if program(extension(e.name)) {
		return unfit("it holds a program (" + printable(path.Base(e.name)) + ")")
	}
	return nil
}

// strays reports whether a name could be another place than one below the folder that the archive is unpacked in.
func strays(name string) bool {
	if name == "" || strings.HasPrefix(name, "/") || strings.Contains(name, `\`) || len(name) > 1 && name[1] == ':' {
		return true
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '\x7f' }) {
		return true
	}
	return slices.Contains(strings.Split(name, "/"), "..")
}

// regular reports whether an entry is a file or a folder.
func (e *entry) regular() bool {
	const unix, darwin = 3, 19
	if e.system != unix && e.system != darwin {
		return true
	}
	const kinds, none, folder, regular = 0xf000, 0, 0x4000, 0x8000
	kind := e.attributes >> 16 & kinds
	return kind == none || kind == folder || kind == regular
}

// note keeps the names that tell what kind the archive is.
func (a *archive) note(name string) {
	name = strings.ToLower(name)
	top, _, below := strings.Cut(name, "/")
	if below {
		top += "/"
	}
	for _, mark := range []string{name, top} {
		if slices.Contains(marks, mark) {
			a.names[mark] = struct{}{}
		}
	}
}

// archives are the extensions of what is a zip archive.
var archives = []string{
	".zip", ".docx", ".dotx", ".xlsx", ".xlsb", ".xltx", ".pptx", ".potx", ".ppsx", ".vsdx", ".odt", ".ods", ".odp", ".odg", ".epub", ".kmz",
}

// isArchive reports whether a file of the archive is called an archive too, and is not locked.
func (e *entry) isArchive() bool {
	return !e.encrypted && slices.Contains(archives, strings.ToLower(path.Ext(e.name)))
}

// content is the packed bytes of a file of the archive.
type content struct {
	entry
	at int64
}

// enter looks into an archive in the archive, if it can.
func (a *archive) enter(r io.ReaderAt, c content, depth int) error {
	if depth == depthMost {
		return unfit("it holds archives inside archives inside archives")
	}
	inner, size := a.unpack(r, c)
	if inner == nil {
		return nil
	}
	w, err := open(inner, size)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read cannot be opened
	}
	d, found, err := findDirectory(inner, size, w.tail)
	if err != nil || !found {
		return err
	}
	return a.read(inner, d, depth+1)
}

// unpack answers the bytes of a file of the archive, and nothing when that is beyond our limits or not possible.
func (a *archive) unpack(r io.ReaderAt, c content) (inner io.ReaderAt, size int64) {
	const stored, deflated = 0, 8
	packed := int64(c.packed) //nolint:gosec // find has it inside the archive
	bytesOf := io.NewSectionReader(r, c.at, packed)
	switch {
	case c.method == stored:
		return bytesOf, packed
	case c.method != deflated || c.unpacked > innerMost || a.inner+int64(c.unpacked) > innerTotal:
		return nil, 0
	}
	a.inner += int64(c.unpacked)
	unpacked := make([]byte, c.unpacked)
	if _, err := io.ReadFull(flate.NewReader(bytesOf), unpacked); err != nil {
		return nil, 0
	}
	return bytes.NewReader(unpacked), int64(len(unpacked))
}
