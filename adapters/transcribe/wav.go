package transcribe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// headerBytes is the length of what comes before the samples.
const headerBytes = 44

// write makes a WAV of a piece, for whoever hears it to read, and to read again.
func (s *sound) write(p piece, number int) (path string, err error) {
	from := int64(p.from) * frameBytes
	size := min(int64(p.to)*frameBytes, s.bytes) - from
	in, err := os.Open(s.path())
	if err != nil {
		return "", fmt.Errorf("open the sound: %w", err)
	}
	defer func() { _ = in.Close() }()
	path = filepath.Join(s.folder, fmt.Sprintf("chunk_%04d.wav", number))
	out, err := os.Create(path) //nolint:gosec // in a folder of our own
	if err != nil {
		return "", fmt.Errorf("make a piece of the sound: %w", err)
	}
	_, err = io.Copy(out, io.MultiReader(bytes.NewReader(header(size)), io.NewSectionReader(in, from, size)))
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", fmt.Errorf("make a piece of the sound: %w", err)
	}
	return path, nil
}

// header is the beginning of a WAV of so many bytes.
func header(size int64) []byte {
	le := binary.LittleEndian
	h := make([]byte, 0, headerBytes)
	h = append(h, "RIFF"...)
	h = le.AppendUint32(h, uint32(size+headerBytes-8)) //nolint:gosec // four hours are less than 4 GB
	h = append(h, "WAVEfmt "...)
	h = le.AppendUint32(h, 16) // bytes of the format
	h = le.AppendUint16(h, 1)  // PCM
	h = le.AppendUint16(h, 1)  // channel
	h = le.AppendUint32(h, sampleRate)
	h = le.AppendUint32(h, secondBytes)
	h = le.AppendUint16(h, sampleBytes)
	h = le.AppendUint16(h, 8*sampleBytes)
	h = append(h, "data"...)
	return le.AppendUint32(h, uint32(size)) //nolint:gosec // four hours are less than 4 GB
}
