package probe

import (
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"runtime"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"ticketd/domain/file"
)

// headers reads the size of a picture from its first bytes, whatever the picture would cost to decode.
var headers = map[string]func(io.Reader) (image.Config, error){
	"image/png":              png.DecodeConfig,
	"image/vnd.mozilla.apng": png.DecodeConfig,
	"image/jpeg":             jpeg.DecodeConfig,
	"image/gif":              gif.DecodeConfig,
	"image/webp":             webp.DecodeConfig,
	"image/bmp":              bmp.DecodeConfig,
	"image/tiff":             tiff.DecodeConfig,
}

func picture(path, mimeType string) (file.Reading, error) {
	header, known := headers[mimeType]
	if !known {
		return file.Reading{}, nil
	}
	f, err := os.Open(path) //nolint:gosec // the path is where we stored the upload
	if err != nil {
		return file.Reading{}, fmt.Errorf("open the picture: %w", err)
	}
	defer func() { _ = f.Close() }()
	config, err := header(f)
	switch {
	case err == nil:
		return file.Reading{Engine: runtime.Version() + " " + mimeType, Width: config.Width, Height: config.Height}, nil
	case unsupported(err):
		return file.Reading{}, nil
	}
	return file.Reading{}, &file.BrokenError{Reason: "This is not a picture that can be opened: its beginning is damaged."}
}

// unsupported tells a picture of a rare kind, which others may open, from a damaged one.
func unsupported(err error) bool {
	return errors.Is(err, bmp.ErrUnsupported) || errors.As(err, new(png.UnsupportedError)) ||
		errors.As(err, new(jpeg.UnsupportedError)) || errors.As(err, new(tiff.UnsupportedError))
}
