package ocr

import (
	"bytes"
	"encoding/binary"
	"image"
	"io"
)

// orientation is how a picture must be turned to be upright, as cameras count it: from 1 (not at all) to 8.
type orientation int

// The orientations that are a turn clockwise and no mirror.
const (
	upright      orientation = 1
	upsideDown   orientation = 3
	quarterRight orientation = 6
	quarterLeft  orientation = 8
)

// clockwise are the orientations of a turn by so many quarters.
var clockwise = [4]orientation{upright, quarterRight, upsideDown, quarterLeft}

// sideways reports whether width and height change places.
func (o orientation) sideways() bool { return o > 4 }

// toSource maps points of the upright picture to those of the picture as it is, whose size is given.
func (o orientation) toSource(size image.Point) affine {
	w, h := float64(size.X), float64(size.Y)
	return map[orientation]affine{
		1: {1, 0, 0, 0, 1, 0},
		2: {-1, 0, w, 0, 1, 0},
		3: {-1, 0, w, 0, -1, h},
		4: {1, 0, 0, 0, -1, h},
		5: {0, 1, 0, 1, 0, 0},
		6: {0, 1, 0, -1, 0, h},
		7: {0, -1, w, -1, 0, h},
		8: {0, -1, w, 1, 0, 0},
	}[o]
}

// oriented answers the upright picture.
func oriented(src *image.Gray, o orientation) *image.Gray {
	if o == upright {
		return src
	}
	size := src.Rect.Size()
	toSource := o.toSource(size)
	if o.sideways() {
		size.X, size.Y = size.Y, size.X
	}
	dst := image.NewGray(image.Rectangle{Max: size})
	for y := range size.Y {
		for x := range size.X {
			sx, sy := toSource.at(float64(x)+0.5, float64(y)+0.5)
			dst.Pix[y*dst.Stride+x] = src.Pix[int(sy)*src.Stride+int(sx)]
		}
	}
	return dst
}

// jpegOrientation looks for the orientation that a camera has written at the beginning of a photograph. Without
// any, or when it is not to be understood, the photograph is upright.
func jpegOrientation(r io.Reader) orientation {
	var marker [4]byte
	if _, err := io.ReadFull(r, marker[:2]); err != nil {
		return upright
	}
	for {
		if _, err := io.ReadFull(r, marker[:]); err != nil || marker[0] != 0xff || marker[1] == 0xda {
			return upright
		}
		segment := make([]byte, max(0, int(binary.BigEndian.Uint16(marker[2:]))-2))
		if _, err := io.ReadFull(r, segment); err != nil {
			return upright
		}
		if tags, found := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); marker[1] == 0xe1 && found {
			o, _ := tiffDirectory(bytes.NewReader(tags))
			return o
		}
	}
}

// tiffDirectory reads the first directory of a TIFF, which cameras put into photographs too: the orientation, and whether
// another picture follows.
func tiffDirectory(r io.ReaderAt) (o orientation, more bool) {
	const orientationTag = 0x112
	o = upright
	var header [8]byte
	if _, err := r.ReadAt(header[:], 0); err != nil {
		return o, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if header[0] == 'M' {
		order = binary.BigEndian
	}
	start := int64(order.Uint32(header[4:]))
	var two [2]byte
	if _, err := r.ReadAt(two[:], start); err != nil {
		return o, false
	}
	entries := make([]byte, 12*int(order.Uint16(two[:]))+4)
	// A photograph's directory may end without the offset of the next.
	n, _ := r.ReadAt(entries, start+2)
	for at := 0; at+12 <= min(n, len(entries)-4); at += 12 {
		if value := orientation(order.Uint16(entries[at+8:])); order.Uint16(entries[at:]) == orientationTag && value >= 1 && value <= 8 {
			o = value
		}
	}
	return o, n == len(entries) && order.Uint32(entries[n-4:]) != 0
}
