package filetype_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/file"
)

func TestAProgramIsRefusedByItsName(t *testing.T) {
	t.Parallel()
	for name, named := range map[string]string{
		"test.exe": ".exe", "SETUP.EXE": ".exe", "a.exe.": ".exe", "a.exe  ": ".exe", "a.exe::$DATA": ".exe", "a.txt:b.exe": ".exe",
		"a.com": ".com", "a.scr": ".scr", "a.lnk": ".lnk", "a.msi": ".msi", "a.dll": ".dll", "a.sh": ".sh", "a.bat": ".bat", "a.cmd": ".cmd",
		"a.ps1": ".ps1", "a.vbs": ".vbs", "a.wsf": ".wsf", "a.hta": ".hta", "a.jse": ".jse", "a.jar": ".jar", "a.class": ".class",
		"a.apk": ".apk", "a.deb": ".deb", "a.docm": ".docm", "a.xlsm": ".xlsm", "a.pptm": ".pptm", "photo.png.scr": ".scr",
		"invoice.exe.pdf": ".exe", "invoice.exe   .pdf": ".exe", "a.PS1.txt": ".ps1", "..exe": ".exe", "dir/a.exe.txt": ".exe",
	} {
		requireRefused(t, `\`+named+" not allowed", []byte("hello"), name, "")
	}
	for _, name := range []string{"www.example.com.txt", "jquery.js.map", "a.py.txt", "exe", "exe.txt", ".gitignore", "a.", "...", "日本語.txt", "10:22:33.txt"} {
		_, _, err := inspect(t, []byte("hello"), name, "")
		require.NoError(t, err, name)
	}
}

func TestAProgramIsRefusedByItsDeclaredType(t *testing.T) {
	t.Parallel()
	for _, declared := range []string{
		"application/x-executable", "application/x-msdownload", "application/x-sh", "text/x-shellscript", "Application/X-MSDownload; x=y",
		"application/java-archive", "application/vnd.ms-word.document.macroEnabled.12", "application/x-sh; broken; ;",
	} {
		mimeType, _, _ := strings.Cut(strings.ToLower(declared), ";")
		requireRefused(t, mimeType+" not allowed", []byte("hello"), "a.txt", declared)
	}
	requireType(t, "text/plain", file.Text, []byte("hello"), "a.txt", "application/vnd.ms-excel.sheet.binary.macroEnabled.12")
}

func TestAProgramIsRefusedByItsBytes(t *testing.T) {
	t.Parallel()
	for what, content := range map[string]string{
		"application/vnd.microsoft.portable-executable": "MZ\x90\x00\x03\x00\x00\x00" + strings.Repeat("\x00", 200),
		"application/x-executable":                      "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00" + strings.Repeat("\x00", 50),
		"application/x-sharedlib":                       "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x3e\x00" + strings.Repeat("\x00", 50),
		"application/x-mach-binary":                     "\xcf\xfa\xed\xfe\x07\x00\x00\x01" + strings.Repeat("\x00", 50),
		"application/x-java-applet":                     "\xca\xfe\xba\xbe\x00\x00\x00\x34" + strings.Repeat("\x00", 50),
		"application/x-ms-shortcut":                     "L\x00\x00\x00\x01\x14\x02\x00" + strings.Repeat("\x00", 50),
		"application/vnd.android.dex":                   "dex\n035\x00" + strings.Repeat("\x00", 50),
		"application/wasm":                              "\x00asm\x01\x00\x00\x00",
		"text/x-shellscript":                            "#!/bin/sh\nrm -rf /\n",
		"text/x-shellscript ":                           "#! /usr/bin/env python3\nprint(1)\n",
		"text/x-shellscript not":                        "\xef\xbb\xbf@Echo OFF\r\ndel *.*",
		"application/x-ms-installer":                    string(oleFile("\x84\x10\x0c\x00", filler(70_000))),
		"application/java-archive":                      string(packed(t, "META-INF/MANIFEST.MF", "Main-Class: X", "a/b.txt", "")),
		"application/vnd.android.package-archive":       string(packed(t, "AndroidManifest.xml", "", "res/a.xml", "")),
		"application/appx":                              string(packed(t, "AppxManifest.xml", "")),
	} {
		for _, name := range []string{"photo.png", "photo", "a.txt", "a.docx"} {
			requireRefused(t, strings.TrimSpace(what), []byte(content), name, "image/png")
		}
	}
	requireRefused(t, `text/x-shellscript not allowed: it is a script that a system runs$`, []byte("#!/usr/bin/python"), "a.py", "")
}

func TestANameThatHidesWhatItIsIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"photo\u202egnp.txt", "a\x00.txt", "a\n.txt", "a\u2066b.txt", "a\x7f.txt", "a\u0085.txt"} {
		requireRefused(t, `\.txt not allowed: its name has characters`, []byte("hello"), name, "")
	}
	requireRefused(t, `\.exe not allowed$`, []byte("hello"), "a.e\u202exe", "")
	requireRefused(t, `with such a name not allowed`, []byte("hello"), "a\u202e", "")
	_, _, err := inspect(t, []byte("hello"), "a."+strings.Repeat("日本", 500)+".vbs.x", strings.Repeat("x", 5000))
	require.Less(t, len(err.Error()), 500)
}

func TestWhatIsAnArchiveAsWellIsRefused(t *testing.T) {
	t.Parallel()
	hidden := packed(t, "a.txt", "hello")
	small := append(packed(t, "a.txt", "hello"), strings.Repeat("\x00", 100)...) // as some programs still open
	for name, carrier := range map[string][]byte{
		"a.png": pngFile(t), "a.jpg": jpegFile(t), "a.gif": gifFile(t), "a.pdf": pdfFile(""), "a.txt": []byte("hello"), "a.html": []byte("<html>"),
		"a.mp3": recording(t, "a.mp3", "-map", "0:a"), "a.mp4": append(recording(t, "a.mp4", "-c:v", "mpeg4"), filler(200_000)...),
	} {
		for _, archive := range [][]byte{hidden, small, large(t)} {
			requireRefused(t, `\`+name[1:]+" not allowed: it is an archive as well", append(bytes.Clone(carrier), archive...), name, "")
		}
	}
	requireRefused(t, "image/png not allowed: it is an archive as well", append(pngFile(t), hidden...), "photo", "")
	requireRefused(t, `\.tar not allowed: it is an archive as well`, append(tarFile(t, "a.txt", nil), hidden...), "a.tar", "")
	requireRefused(t, `\.doc not allowed: it is an archive as well`, append(oleFile("", nil, "WordDocument"), hidden...), "a.doc", "")
}

func TestAnArchiveThatIsOnlyAPartIsNoArchiveAsWell(t *testing.T) {
	t.Parallel()
	requireType(t, "application/x-tar", file.Archive, tarFile(t, "a.docx", docxFile(t)), "a.tar", "")
	requireType(t, "application/msword", file.Document, oleFile("", docxFile(t), "WordDocument"), "a.doc", "")
	for _, near := range []string{"PK\x05\x06", "PK\x05\x06" + strings.Repeat("\x00", 18), "PK\x05\x06" + strings.Repeat("\xff", 18), "PK\x05\x06" + strings.Repeat("\x01", 30)} {
		requireType(t, "image/png", file.Image, append(pngFile(t), near...), "a.png", "")
	}
}

func TestAPictureThatIsAPageAsWellIsRefused(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"<script>alert(1)</script>", "<SCRIPT src=x>", "<html>", "<!DOCTYPE html>", "<?php system($_GET['c']); ?>", "<HtMl\n>", "<<script >",
	} {
		for name, carrier := range map[string][]byte{
			"a.gif": gifFile(t), "a.png": pngFile(t), "a.jpg": jpegFile(t), "a.pdf": pdfFile(""), "a.mp4": recordingOnce(t), "a.bmp": append([]byte("BM"), filler(100)...),
		} {
			requireRefused(t, `\`+name[1:]+" not allowed: it has the beginning of a web page", append(bytes.Clone(carrier), page...), name, "")
			far := append(append(bytes.Clone(carrier), filler(300_000)...), page...)
			if name != "a.pdf" {
				requireRefused(t, `\`+name[1:]+" not allowed: it has the beginning of a web page", far, name, "")
			}
		}
	}
	requireRefused(t, `\.gif not allowed: .* \(<script\)$`, []byte("GIF89a/*<script>*/=1;"), "a.gif", "image/gif")
	requireRefused(t, `\.png not allowed: .* \(<script\)$`, []byte("a fake <script>"), "a.png", "image/png")
	requireRefused(t, `\.pdf not allowed: .* \(<html\)$`, append([]byte("\x01<html>"), pdfFile("")...), "a.pdf", "")
}

func TestWhatProgramsWriteIntoPicturesIsNoPage(t *testing.T) {
	t.Parallel()
	xmp := `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
		`<rdf:Description dc:description="&lt;script&gt; &lt;html&gt;" xmlns:dc="http://purl.org/dc/elements/1.1/"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`
	segment := append(binary.BigEndian.AppendUint16([]byte("\xff\xe1"), uint16(2+29+len(xmp))), "http://ns.adobe.com/xap/1.0/\x00"+xmp...)
	photo := jpegFile(t)
	photo = append(append(append([]byte{}, photo[:2]...), segment...), photo[2:]...)
	requireType(t, "image/jpeg", file.Image, photo, "a.jpg", "")

	text := "iTXtXML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(text)-4)), text...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE([]byte(text)))
	shot := pngFile(t)
	shot = append(append(append([]byte{}, shot[:33]...), chunk...), shot[33:]...)
	requireType(t, "image/png", file.Image, shot, "a.png", "")

	requireType(t, "video/mp4", file.Video, append(recordingOnce(t), xmp...), "a.mp4", "")
	requireType(t, "audio/mpeg", file.Audio, recording(t, "a.mp3", "-map", "0:a", "-metadata", "comment=<p>See <a href=x>notes</a>, <scripted> <htmlish></p>"), "a.mp3", "")
	requireType(t, "application/pdf", file.Document, pdfFile("BT (write <html> and <script> here) Tj ET"), "a.pdf", "")
	requireType(t, "application/pdf", file.Document, []byte("%PDF-1.4\nwithout an end"), "a.pdf", "")
}

func TestADocumentWithMacrosIsRefused(t *testing.T) {
	t.Parallel()
	why := " not allowed: documents with macros are programs$"
	requireRefused(t, `\.docx`+why, docxFile(t, "word/vbaProject.bin", "x"), "a.docx", "")
	requireRefused(t, `\.pptx`+why, pptxFile(t, "ppt/VBAPROJECT.BIN", "x"), "a.pptx", "")
	requireRefused(t, `\.xlsx`+why, packed(t, "[Content_Types].xml", "", "xl/macrosheets/sheet1.xml", ""), "a.xlsx", "")
	requireRefused(t, `\.odt`+why, odtFile(t, "Basic/Standard/Module1.xml", ""), "a.odt", "")
	requireRefused(t, `\.zip`+why, packed(t, "report.docx", string(docxFile(t, "word/vbaProject.bin", "x"))), "a.zip", "")
	requireRefused(t, `\.doc`+why, oleFile("\x06\x09\x02\x00", filler(700_000), "WordDocument", "_VBA_PROJECT"), "a.doc", "")
	requireRefused(t, `application/vnd.ms-excel`+why, oleFile("", nil, "Workbook", "_VBA_PROJECT_CUR"), "a", "")
	says := func(has byte) []byte {
		record := append([]byte{0x1f, 0, 0xff, 3, 0x14, 0, 0, 0, 2, 0, 0, 4, 0x0c, 0, 0, 0}, 9, 0, 0, 0, has, 0, 0, 0, 2, 0, 0, 0)
		return oleFile("", append(filler(1<<20-512-8), record...), "PowerPoint Document") // across the end of a piece
	}
	requireRefused(t, `\.ppt`+why, says(1), "a.ppt", "")
	requireType(t, "application/vnd.ms-powerpoint", file.Presentation, says(0), "a.ppt", "")
	mention := append([]byte{'x'}, oleEntry("_VBA_PROJECT", 2, "")...) // in the text, where no entry begins
	requireType(t, "application/msword", file.Document, oleFile("", mention, "WordDocument"), "a.doc", "")
}

func TestAnArchiveBombIsRefused(t *testing.T) {
	t.Parallel()
	for why, bomb := range map[string][]byte{
		"more than 1 GB":                       declaring(t, zip.FileHeader{Name: "a", Method: zip.Deflate, CompressedSize64: 20 << 20, UncompressedSize64: 1<<30 + 1}),
		"unpack to more than 1 GB":             declaring(t, zip.FileHeader{Name: "a", Method: zip.Deflate, CompressedSize64: 20 << 20, UncompressedSize64: 1 << 29}, zip.FileHeader{Name: "b", Method: zip.Deflate, UncompressedSize64: 1<<29 + 1}),
		"would unpack to more":                 declaring(t, zip.FileHeader{Name: "a", Method: zip.Deflate, UncompressedSize64: 1 << 62}),
		"more than a hundred times":            zeros(t, 51<<20),
		"more than 10,000 files":               stored(t, many(10_001)...),
		"files overlap":                        overlapping(t),
		"archives inside archives":             nested(t, 5, zip.Deflate),
		"archives inside archives inside":      nested(t, 5, zip.Store),
		"hundred times its size, as":           packed(t, "inner.zip", string(zeros(t, 80<<20))),
		"more than 10,000":                     packed(t, "inner.zip", string(stored(t, many(9_000)...)), "more.zip", string(stored(t, many(1_000)...))),
		"its directory does not add up":        counting(t, 7),
		"something before its first file":      append(stored(t, "x.txt", "hidden")[:40], shifted(t, 40)...),
		"archive whose directory cannot":       packed(t, "a.txt", "hello")[:40],
		"directory does not":                   append(packed(t, "a.txt", "hello"), "more"...),
		"its directory does not add up(?: )?$": append(stored(t, "x.txt", "hidden"), packed(t, "a.txt", "hello")...),
	} {
		requireRefused(t, `\.zip not allowed: .*`+why, bomb, "a.zip", "application/zip")
	}
}

func TestALargeArchiveIsNoBomb(t *testing.T) {
	t.Parallel()
	requireType(t, "application/zip", file.Archive, zeros(t, 49<<20), "a.zip", "")
	requireType(t, "application/zip", file.Archive, stored(t, many(9_999)...), "a.zip", "")
	requireType(t, "application/zip", file.Archive, nested(t, 3, zip.Deflate), "a.zip", "")
	requireType(t, "application/zip", file.Archive, stored(t, "inner.zip", string(stored(t, "data", string(filler(12<<20))))), "a.zip", "")
	requireType(t, "application/zip", file.Archive, declaring(t, zip.FileHeader{Name: "large.zip", Method: zip.Deflate, CompressedSize64: 5 << 20, UncompressedSize64: 5 << 20}), "a.zip", "")
	requireType(t, "application/zip", file.Archive, packed(t, "inner.zip", "not one", "empty.zip", ""), "a.zip", "")
	requireType(t, "application/zip", file.Archive, declaring(t,
		zip.FileHeader{Name: "locked.zip", Flags: 1, CompressedSize64: 100, UncompressedSize64: 100},
		zip.FileHeader{Name: "odd.zip", Method: 99, CompressedSize64: 100, UncompressedSize64: 100},
		zip.FileHeader{Name: "broken.zip", Method: zip.Deflate, CompressedSize64: 100, UncompressedSize64: 100},
	), "a.zip", "")
	requireType(t, "application/zip", file.Archive, large(t), "a.zip", "")
	requireType(t, "application/zip", file.Archive, packed(t, "src/build.sh", "#!/bin/sh"), "a.zip", "")
	requireType(t, "application/zip", file.Archive, packed(t, "www.example.com/", "", "www.example.com/index.html", "<html>"), "a.zip", "")
}

func TestAnArchiveWithADangerousFileIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../a.txt", "a/../../b.txt", "/etc/passwd", `a\b.txt`, "C:/a.txt", "a\nb.txt", "..", ""} {
		requireRefused(t, `\.zip not allowed: it holds a file whose name leads out of its folder`, packed(t, "a.txt", "", name, ""), "a.zip", "")
	}
	for _, name := range []string{"a.exe", "deep/in/it/A.SCR", "run.bat", "a.jar", "x.lnk", "a.exe. "} {
		requireRefused(t, `\.zip not allowed: it holds a program \(`, packed(t, name, "x"), "a.zip", "")
	}
	requireRefused(t, `\.docx not allowed: it holds a program \(evil.exe\)`, docxFile(t, "word/embeddings/evil.exe", "x"), "a.docx", "")
	for _, mode := range []fs.FileMode{fs.ModeSymlink, fs.ModeDevice, fs.ModeNamedPipe, fs.ModeSocket} {
		header := zip.FileHeader{Name: "a"}
		header.SetMode(mode | 0o777)
		requireRefused(t, `\.zip not allowed: it holds a link \(a\)`, declaring(t, header), "a.zip", "")
	}
	plain := zip.FileHeader{Name: "a"}
	plain.SetMode(0o644)
	folder := zip.FileHeader{Name: "b/"}
	folder.SetMode(fs.ModeDir | 0o755)
	requireType(t, "application/zip", file.Archive, declaring(t, plain, folder), "a.zip", "")
}

// zeros is an archive that says that it unpacks to so many bytes.
func zeros(tb testing.TB, size uint64) []byte {
	tb.Helper()
	return declaring(tb, zip.FileHeader{Name: "zeros", Method: zip.Deflate, CompressedSize64: size / 1000, UncompressedSize64: size})
}

// many are the names and contents of empty files.
func many(count int) []string {
	files := make([]string, 0, 2*count)
	for i := range count {
		files = append(files, strconv.Itoa(i), "")
	}
	return files
}

func nested(tb testing.TB, depth int, method uint16) []byte {
	tb.Helper()
	content := packed(tb, "a.txt", "hello")
	for i := range depth {
		content = archived(tb, method, fmt.Sprintf("%d.zip", i), string(content))
	}
	return content
}

// counting is an archive of one file whose end says that there are more.
func counting(tb testing.TB, count byte) []byte {
	tb.Helper()
	archive := packed(tb, "a.txt", "hello")
	archive[len(archive)-22+8], archive[len(archive)-22+10] = count, count
	return archive
}

// overlapping is an archive whose directory lists the same bytes as two files.
func overlapping(tb testing.TB) []byte {
	tb.Helper()
	archive := stored(tb, "a.txt", strings.Repeat("x", 1000), "a.txt", strings.Repeat("x", 1000))
	second := bytes.LastIndex(archive, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(archive[second+42:], 0)
	return archive
}

// shifted is an archive that is told to be behind so many bytes.
func shifted(tb testing.TB, by int64) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.SetOffset(by)
	entry, err := w.Create("a.txt")
	require.NoError(tb, err)
	_, err = entry.Write([]byte("hello"))
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

// large is a small archive that says its numbers where large ones are said.
func large(tb testing.TB) []byte {
	tb.Helper()
	archive := stored(tb, "a.txt", "hello")
	end := len(archive) - 22
	directory := bytes.LastIndex(archive, []byte("PK\x01\x02"))
	entry := bytes.Clone(archive[directory:end])
	for _, at := range []int{20, 24, 42} { // packed, unpacked, offset
		copy(entry[at:], "\xff\xff\xff\xff")
	}
	extra := append([]byte{9, 9, 2, 0, 1, 2}, 1, 0, 24, 0) // one that means nothing to us, and the sizes
	for _, n := range []uint64{5, 5, 0} {
		extra = binary.LittleEndian.AppendUint64(extra, n)
	}
	binary.LittleEndian.PutUint16(entry[30:], uint16(len(extra)))
	entry = append(entry, extra...)
	all := append(bytes.Clone(archive[:directory]), entry...)
	at := uint64(len(all))
	all = append(all, "PK\x06\x06"...)
	all = binary.LittleEndian.AppendUint64(all, 44)
	all = append(all, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, n := range []uint64{1, 1, uint64(len(entry)), uint64(directory)} {
		all = binary.LittleEndian.AppendUint64(all, n)
	}
	all = append(all, "PK\x06\x07\x00\x00\x00\x00"...)
	all = binary.LittleEndian.AppendUint64(all, at)
	all = append(all, 1, 0, 0, 0)
	all = append(all, "PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"...)
	return all
}

// recordingOnce is a small video.
func recordingOnce(tb testing.TB) []byte {
	tb.Helper()
	return append([]byte("\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"), filler(1000)...)
}
