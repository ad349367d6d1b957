package ocr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // each is known to image.Decode by being imported
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"slices"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	_ "golang.org/x/image/webp" // see above

	"ticketd/domain/file"
)

const (
	// mostPixels and mostSide keep a small file from becoming gigabytes. Together the readers decode no more than that at once.
	mostPixels = 50_000_000
	mostSide   = 20_000
)

// readable are the types that are decoded here.
var readable = []string{"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"}

// decoded is a picture as people see it, in shades of grey.
type decoded struct {
	grey  *image.Gray
	notes []string
}

// decode reads a picture, and never one that is too large. Errors: *file.SkippedError, *file.BrokenError, the disk's.
func (r *Reader) decode(ctx context.Context, path, mimeType string) (decoded, error) {
	f, err := os.Open(path) //nolint:gosec // the path is our own: see commands.Source
	if err != nil {
		return decoded{}, fmt.Errorf("open the picture: %w", err)
	}
	defer func() { _ = f.Close() }()
	config, format, err := image.DecodeConfig(f)
	if err != nil {
		return decoded{}, undecodable(err, f, mimeType)
	}
	pixels := int64(config.Width) * int64(config.Height)
	if pixels > mostPixels || max(config.Width, config.Height) > mostSide {
		return decoded{}, &file.SkippedError{Reason: fmt.Sprintf(
			"The picture is too large to be read: %d x %d pixels, where %d megapixels and %d pixels a side are the most.", config.Width, config.Height, mostPixels/1_000_000, mostSide)}
	}
	if pixels == 0 {
		return decoded{}, &file.BrokenError{Reason: "The picture has no pixels."}
	}
	if err := r.decoding.Acquire(ctx, pixels); err != nil {
		return decoded{}, err
	}
	defer r.decoding.Release(pixels)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return decoded{}, fmt.Errorf("read the picture: %w", err)
	}
	img, _, err := image.Decode(f)
	if err != nil {
		return decoded{}, undecodable(err, f, mimeType)
	}
	how, notes := aboutFile(f, format)
	return decoded{grey: oriented(greyOf(img, image.Rect(0, 0, config.Width, config.Height)), how), notes: notes}, nil
}

// aboutFile answers what decoding does not tell: how the picture must be turned, and what of it was not read.
func aboutFile(f *os.File, format string) (orientation, []string) {
	switch format {
	case "jpeg":
		return jpegOrientation(io.NewSectionReader(f, 0, 1<<20)), nil
	case "tiff":
		how, more := tiffDirectory(f)
		if more {
			return how, []string{"The file holds several pictures; the first was read."}
		}
		return how, nil
	case "gif":
		if bytes.Contains(beginning(f), []byte("NETSCAPE2.0")) {
			return upright, []string{"The picture moves; its first frame was read."}
		}
	}
	return upright, nil
}

// beginning answers the first kilobyte of a file, or less.
func beginning(f *os.File) []byte {
	first := make([]byte, 1<<10)
	n, _ := f.ReadAt(first, 0)
	return first[:n]
}

// undecodable says why a picture was not decoded: its kind is not known here, or it is damaged.
func undecodable(err error, f *os.File, mimeType string) error {
	_, unsupportedPNG := errors.AsType[png.UnsupportedError](err)
	_, unsupportedJPEG := errors.AsType[jpeg.UnsupportedError](err)
	_, unsupportedTIFF := errors.AsType[tiff.UnsupportedError](err)
	switch {
	case errors.Is(err, image.ErrFormat) && !slices.Contains(readable, mimeType):
		if mimeType == "" {
			mimeType = "this type"
		}
		return &file.SkippedError{Reason: "Pictures of " + mimeType + " are not read here; PNG, JPEG, GIF, WebP, BMP and TIFF are."}
	case unsupportedPNG, unsupportedJPEG, unsupportedTIFF, errors.Is(err, bmp.ErrUnsupported):
		return &file.SkippedError{Reason: "Pictures of this kind are not read here (" + err.Error() + ")."}
	case movingWebP(beginning(f)):
		return &file.SkippedError{Reason: "Moving WebP pictures are not read here."}
	}
	return &file.BrokenError{Reason: "The picture is damaged (" + err.Error() + ")."}
}

// movingWebP reports a WebP whose header says that it is an animation.
func movingWebP(first []byte) bool {
	const animation = 0x02
	return len(first) > 20 && bytes.HasPrefix(first, []byte("RIFF")) && bytes.HasPrefix(first[8:], []byte("WEBPVP8X")) && first[20]&animation != 0
}

// greyOf answers a picture in shades of grey, on white where it is transparent, and where its first frame leaves room.
func greyOf(src image.Image, bounds image.Rectangle) *image.Gray {
	dst := image.NewGray(bounds)
	for i := range dst.Pix {
		dst.Pix[i] = 255
	}
	at := func(x, y int) color.RGBA64 {
		red, green, blue, alpha := src.At(x, y).RGBA()
		return color.RGBA64{uint16(red), uint16(green), uint16(blue), uint16(alpha)} //nolint:gosec // 16 bits by contract
	}
	if quick, ok := src.(image.RGBA64Image); ok {
		at = quick.RGBA64At
	}
	inside := bounds.Intersect(src.Bounds())
	for y := inside.Min.Y; y < inside.Max.Y; y++ {
		for x := inside.Min.X; x < inside.Max.X; x++ {
			c := at(x, y)
			luma := (19595*uint32(c.R) + 38470*uint32(c.G) + 7471*uint32(c.B)) >> 16
			dst.Pix[y*dst.Stride+x] = uint8(min(luma+0xffff-uint32(c.A), 0xffff) >> 8)
		}
	}
	return dst
}
