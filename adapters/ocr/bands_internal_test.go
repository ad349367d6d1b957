package ocr

import (
	"image"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPictureIsCutBetweenItsLines(t *testing.T) {
	t.Parallel()
	page := image.NewGray(image.Rect(0, 0, 40, 2000))
	inked := func(y int) bool { return y%30 < 20 }
	for y := range 2000 {
		for x := range 40 {
			if inked(y) && x%2 == 0 {
				page.Pix[y*page.Stride+x] = 255
			}
		}
	}
	all := bands(page, 20_000)
	require.Len(t, all, 4)
	next := 0
	for _, b := range all {
		require.Equal(t, next, b.top)
		require.Equal(t, page.Pix[b.top*page.Stride:(b.top+b.Rect.Dy())*page.Stride], b.Pix)
		require.LessOrEqual(t, b.Rect.Dx()*b.Rect.Dy(), 30_000)
		if next > 0 {
			require.False(t, inked(b.top))
			require.False(t, inked(b.top-1))
		}
		next = b.top + b.Rect.Dy()
	}
	require.Equal(t, 2000, next)
	require.Len(t, bands(page, 27_000), 1, "not much larger")
}
