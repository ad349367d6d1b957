package filetype_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"ticketd/domain/file"
)

// part is a file of an archive that is written by hand. What is not told is as in a proper archive.
type part struct {
	name, content string
	local         string // its name in the header before it
	extra         string // in the header before it
	behind        string
	flags         uint16
	method        uint16    // in the header before it
	sizes         [2]uint32 // packed and unpacked, in the header before it
	told          bool      // that sizes are other than the true ones
	at            int       // where the directory says that it is
}

func written(parts ...part) []byte {
	var archive, directory []byte
	for _, p := range parts {
		size := uint32(len(p.content))
		if !p.told {
			p.sizes = [2]uint32{size, size}
		}
		if p.local == "" {
			p.local = p.name
		}
		if p.at == 0 {
			p.at = len(archive)
		}
		archive = append(archive, "PK\x03\x04\x14\x00"...)
		archive = little(archive, p.flags, p.method, uint32(0), uint32(0), p.sizes[0], p.sizes[1], uint16(len(p.local)), uint16(len(p.extra)))
		archive = append(archive, p.local+p.extra+p.content+p.behind...)
		directory = append(directory, "PK\x01\x02\x14\x00\x14\x00"...)
		directory = little(directory, p.flags, uint16(0), uint32(0), uint32(0), size, size, uint16(len(p.name)), uint16(0), uint16(0), uint16(0), uint16(0), uint32(0), uint32(p.at))
		directory = append(directory, p.name...)
	}
	start := len(archive)
	return append(append(archive, directory...), ending(len(parts), len(directory), start, "")...)
}

// ending is the end of an archive.
func ending(count, length, start int, comment string) []byte {
	end := little([]byte("PK\x05\x06"), uint32(0), uint16(count), uint16(count), uint32(length), uint32(start), uint16(len(comment)))
	return append(end, comment...)
}

// largeEnding is where large numbers are said, and where that is.
func largeEnding(count, length, start, at int) (record, locator []byte) {
	record = little([]byte("PK\x06\x06"), uint64(44), uint32(0), uint32(0), uint32(0), uint64(count), uint64(count), uint64(length), uint64(start))
	return record, little([]byte("PK\x06\x07"), uint32(0), uint64(at), uint32(1))
}

func little(b []byte, numbers ...any) []byte {
	for _, n := range numbers {
		b, _ = binary.Append(b, binary.LittleEndian, n)
	}
	return b
}

// commented gives an archive a comment.
func commented(archive []byte, comment string) []byte {
	archive = append(bytes.Clone(archive), comment...)
	binary.LittleEndian.PutUint16(archive[len(archive)-len(comment)-2:], uint16(len(comment)))
	return archive
}

func joined(all ...[]byte) []byte { return bytes.Join(all, nil) }

func TestAnArchiveIsFoundBehindEndsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	carrier := pngFile(t)
	hidden := packed(t, "META-INF/MANIFEST.MF", "Main-Class: X", "X.class", "program")
	empty := "PK\x05\x06" + strings.Repeat("\x00", 16)
	end := bytes.LastIndex(hidden, []byte("PK\x05\x06"))
	body, entries := hidden[:end], bytes.Index(hidden, []byte("PK\x01\x02"))
	count, length := 2, end-entries
	behind := len(carrier) + len(body)
	record, locator := largeEnding(count, length, len(carrier)+entries, behind)
	_, unbelieved := largeEnding(0, 0, 0, 1)
	shy, _ := largeEnding(count, length, entries, 0)
	for trick, archive := range map[string][]byte{
		"an end without a directory in the comment":            commented(hidden, empty+"\xff\xff"),
		"an end without a directory that ends the file":        commented(hidden, empty+"\x00\x00"),
		"an end whose directory is nowhere":                    commented(hidden, string(ending(7, 7, 7, ""))),
		"a hundred of them":                                    commented(hidden, strings.Repeat(empty+"\x07\x00", 100)),
		"as many as there is room for":                         commented(hidden, strings.Repeat("PK\x05\x06", 16_000)),
		"half an end":                                          commented(hidden, "PK\x05\x06\x00"),
		"a comment of a wrong length":                          joined(body, ending(count, length, entries, "")[:20], []byte("\x09\x00")),
		"the longest comment, and more behind it":              append(commented(hidden, strings.Repeat("x", math.MaxUint16)), strings.Repeat("y", 900)...),
		"no entry counted":                                     joined(body, ending(0, length, entries, "")),
		"a start behind the carrier":                           joined(body, ending(count, 9, len(carrier)+entries, "")),
		"large numbers beside small ones":                      joined(body, record, locator, ending(0, 0, 0, "")),
		"large numbers as if there were no carrier":            joined(body, shy, unbelieved, ending(0, 0, 0, "")),
		"large numbers that are said to be elsewhere":          joined(body, record, unbelieved, ending(0, 0, 0, "")),
		"large numbers far before the end":                     joined(body, record, filler(100_000), locator, ending(0, 0, 0, "")),
		"large numbers far before the end, with a decoy there": commented(joined(body, record, filler(100_000), locator, ending(0, 0, 0, "")), empty+"\xff\xff"),
	} {
		t.Run(trick, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, `\.png not allowed: it is an archive as well$`, append(bytes.Clone(carrier), archive...), "a.png", "image/png")
		})
	}
	inTar := append(tarFile(t, "a.txt", nil), commented(hidden, empty+"\xff\xff")...)
	requireRefused(t, `\.tar not allowed: it is an archive as well$`, inTar, "a.tar", "")
}

func TestEndsThatLeadNowhereAreNoArchive(t *testing.T) {
	t.Parallel()
	empty := "PK\x05\x06" + strings.Repeat("\x00", 16) + "\xff\xff"
	_, locator := largeEnding(1, 1, 1, 1)
	for _, tail := range []string{
		strings.Repeat(empty, 100), string(locator) + empty, string(ending(1, math.MaxUint32, math.MaxUint32, "")),
	} {
		requireType(t, "image/png", file.Image, append(pngFile(t), tail...), "a.png", "")
	}
	requireRefused(t, `\.png not allowed: it is an archive as well$`, append(pngFile(t), strings.Repeat(empty, 101)...), "a.png", "")
	// In what may hold archives, only those count that end where it does.
	requireType(t, "application/x-tar", file.Archive, append(tarFile(t, "a.txt", nil), strings.Repeat(empty, 1000)...), "a.tar", "")
}

func TestAnArchiveWithMoreInItThanItsDirectorySaysIsRefused(t *testing.T) {
	t.Parallel()
	hidden := string(written(part{name: "x.exe", content: "program"}))
	a, b := part{name: "a.txt", content: "hello"}, part{name: "b.txt", content: "world"}
	with := func(p part, change func(*part)) part { change(&p); return p }
	proper := written(a, b)
	end := bytes.LastIndex(proper, []byte("PK\x05\x06"))
	body, entries := proper[:end], bytes.Index(proper, []byte("PK\x01\x02"))
	length := end - entries
	record, locator := largeEnding(2, length, entries, end)
	other, _ := largeEnding(1, length, entries, end)
	_, elsewhere := largeEnding(2, length, entries, 1)
	for trick, c := range map[string]struct {
		why     string
		archive []byte
	}{
		"something between files":           {"something between its files", written(with(a, func(p *part) { p.behind = hidden }), b)},
		"something before the directory":    {"something between its files", written(a, with(b, func(p *part) { p.behind = hidden }))},
		"a byte between files":              {"something between its files", written(with(a, func(p *part) { p.behind = "x" }), b)},
		"more than sizes behind a file":     {"something between its files", written(with(a, func(p *part) { p.flags, p.behind = 8, strings.Repeat("x", 25) }), b)},
		"only an empty directory":           {"something before its first file", joined([]byte("PK\x03\x04"), []byte(hidden), ending(0, 0, 4+len(hidden), ""))},
		"an empty archive in the comment":   {"something before its first file", commented(proper, string(ending(0, 0, len(proper), "")))},
		"an end in the comment":             {"its directory does not add up", commented(proper, string(ending(0, 0, 0, "x")[:22]))},
		"half an end in the comment":        {"its directory does not add up", commented(proper, "PK\x05\x06")},
		"another name before the file":      {"do not agree", written(with(a, func(p *part) { p.local = "a.exe" }), b)},
		"a longer name before the file":     {"do not agree", written(with(a, func(p *part) { p.local = "a.txt.exe" }), b)},
		"a longer name in the directory":    {"do not agree", written(with(a, func(p *part) { p.name, p.local = "a.exe.txt", "a.exe" }), b)},
		"another size before the file":      {"do not agree", written(with(a, func(p *part) { p.told, p.sizes = true, [2]uint32{5, 6} }), b)},
		"no size before the file":           {"do not agree", written(with(a, func(p *part) { p.told = true }), b)},
		"another size, though sizes follow": {"do not agree", written(with(a, func(p *part) { p.told, p.flags, p.sizes = true, 8, [2]uint32{4, 5} }), b)},
		"a large size that is not there":    {"do not agree", written(with(a, func(p *part) { p.told, p.sizes = true, [2]uint32{math.MaxUint32, math.MaxUint32} }), b)},
		"another large size": {"do not agree", written(with(a, func(p *part) {
			p.told, p.sizes, p.extra = true, [2]uint32{math.MaxUint32, math.MaxUint32}, sizesField(6, 5)
		}), b)},
		"another method before the file":            {"do not agree", written(with(a, func(p *part) { p.method = 8 }), b)},
		"no header before the file":                 {"do not agree", written(a, with(b, func(p *part) { p.at = 2 }))},
		"a file behind the directory":               {"does not add up", written(a, with(b, func(p *part) { p.at = 1 << 30 }))},
		"more in the directory than its entries":    {"does not add up", joined(body, []byte("more"), ending(2, length+4, entries, ""))},
		"fewer entries than counted":                {"does not add up", joined(body, ending(3, length, entries, ""))},
		"more entries than counted":                 {"does not add up", joined(body, ending(1, length, entries, ""))},
		"a name that is longer than the directory":  {"does not add up", joined(body[:entries], longName(body[entries:], 28), ending(2, length, entries, ""))},
		"a note that is longer than the directory":  {"does not add up", joined(body[:entries], longName(body[entries:], 32), ending(2, length, entries, ""))},
		"large numbers that are others":             {"does not add up", joined(body, other, locator, ending(2, length, entries, ""))},
		"large numbers that are said to be others'": {"does not add up", joined(body, record, elsewhere, ending(2, length, entries, ""))},
		"large numbers that are not there":          {"does not add up", joined(body, locator, ending(2, length, entries, ""))},
	} {
		t.Run(trick, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, `\.zip not allowed: .*`+c.why, c.archive, "a.zip", "application/zip")
			inner := stored(t, "inner.zip", string(c.archive))
			requireRefused(t, `\.zip not allowed: .*`+c.why, inner, "a.zip", "application/zip")
		})
	}
}

// sizesField is the extra field of an unpacked and a packed size that a header has no room for.
func sizesField(unpacked, packed uint64) string {
	return string(little(nil, uint16(1), uint16(16), unpacked, packed))
}

// longName says in the first entry of a directory that a field of it is long.
func longName(directory []byte, at int) []byte {
	directory = bytes.Clone(directory)
	binary.LittleEndian.PutUint16(directory[at:], 5000)
	return directory
}

func TestAnArchiveAsProgramsWriteItIsTaken(t *testing.T) {
	t.Parallel()
	unknown := [2]uint32{}
	proper := written(part{name: "a.txt", content: "hello"})
	end := bytes.LastIndex(proper, []byte("PK\x05\x06"))
	entries := bytes.Index(proper, []byte("PK\x01\x02"))
	record, locator := largeEnding(1, end-entries, entries, end)
	inner := written(part{name: "b.txt", content: "inside"})
	for how, archive := range map[string][]byte{
		"sizes before the file":         proper,
		"sizes behind the file":         written(part{name: "a.txt", content: "hello", flags: 8, told: true, sizes: unknown, behind: "PK\x07\x08" + strings.Repeat("\x00", 12)}, part{name: "b/"}),
		"sizes without a mark":          written(part{name: "a.txt", content: "hello", flags: 8, told: true, sizes: unknown, behind: strings.Repeat("\x00", 12)}),
		"large sizes behind the file":   written(part{name: "a.txt", content: "hello", flags: 8, told: true, sizes: [2]uint32{math.MaxUint32, math.MaxUint32}, extra: sizesField(0, 0), behind: "PK\x07\x08" + strings.Repeat("\x00", 20)}),
		"sizes before and behind it":    written(part{name: "a.txt", content: "hello", flags: 8, behind: strings.Repeat("\x00", 16)}),
		"sizes where large ones are":    written(part{name: "a.txt", content: "hello", told: true, sizes: [2]uint32{math.MaxUint32, math.MaxUint32}, extra: sizesField(5, 5)}),
		"room to grow before a file":    written(part{name: "a.txt", content: "hello", extra: "\x20\xa2\x00\x02" + strings.Repeat("\x00", 512)}),
		"a mark of parts, of which one": append([]byte("PK\x07\x08"), moved(proper, 4)...),
		"large numbers that are small":  joined(proper[:end], record, locator, ending(1, end-entries, entries, "")),
		"a comment":                     commented(proper, "made by hand"),
		"an archive that is not packed": written(part{name: "inner.zip", content: string(inner)}),
		"the same behind other files":   written(part{name: "a.txt", content: "hello"}, part{name: "inner.bin", content: string(inner)}),
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			requireType(t, "application/zip", file.Archive, archive, "a.zip", "application/zip")
		})
	}
}

// moved is an archive of one file that is told to be behind so many bytes.
func moved(archive []byte, by byte) []byte {
	archive = bytes.Clone(archive)
	archive[bytes.Index(archive, []byte("PK\x01\x02"))+42] += by
	archive[len(archive)-6] += by
	return archive
}
