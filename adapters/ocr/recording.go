package ocr

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"slices"
	"strings"

	"ticketd/commands"
	"ticketd/domain/file"
)

const (
	// mostFrames is how many frames of a recording are read, for each takes as long as a picture.
	mostFrames = 20
	// newLine is how much a sample differs, of 1, when a line of text has appeared; a cursor that blinks does less.
	newLine = 0.002
	// longScene is how many seconds a scene must last to be read at its end too: somebody may have typed.
	longScene = 4
)

// recording reads what a recording of a screen shows, each line once.
func (r *Reader) recording(ctx context.Context, path string, progress commands.ReadProgress) (file.Reading, error) {
	reading, err := r.reading(ctx)
	if err != nil {
		return file.Reading{}, err
	}
	video, err := r.probe(ctx, path)
	if err != nil {
		return file.Reading{}, err
	}
	reading.Width, reading.Height, reading.Seconds = video.size.X, video.size.Y, video.seconds
	progress(2, "looking for what changes")
	samples, err := r.samples(ctx, path, func(at float64) {
		if video.seconds > 0 {
			progress(2+int(18*min(1, at/video.seconds)), "looking for what changes")
		}
	})
	if err != nil {
		return file.Reading{}, err
	}
	times, all := keyFrames(samples, r.frames)
	if !all {
		reading.Notes = append(reading.Notes, fmt.Sprintf("The recording changes often; %d frames of it were read.", len(times)))
	}
	read, err := r.readFrames(ctx, path, video, times, progress)
	if err != nil {
		return file.Reading{}, err
	}
	reading.Text, reading.Regions = strings.Join(read.texts, "\n\n"), read.regions
	reading.Confidence = confidence(read.pieces)
	if len(read.pieces) == 0 {
		reading.Notes = append(reading.Notes, "No text was found in the recording.")
	}
	return reading, nil
}

// keyFrames chooses the seconds whose frames are read: the beginning, each change, and how long scenes end. Of too
// many it takes the greatest change in each part of the recording, and reports that it did not take all.
func keyFrames(samples []sample, most int) (times []float64, all bool) {
	if len(samples) == 0 {
		return []float64{0}, true
	}
	starts := []sample{samples[0]}
	for _, s := range samples[1:] {
		if s.change >= newLine {
			starts = append(starts, s)
		}
	}
	all = len(starts) <= most
	if !all {
		starts = spread(starts, samples[len(samples)-1].at, most)
	}
	for _, s := range starts {
		times = append(times, s.at)
	}
	for i, s := range starts {
		end := samples[len(samples)-1].at
		if i+1 < len(starts) {
			end = starts[i+1].at - secondsApart
		}
		if end-s.at >= longScene && len(times) < most {
			times = append(times, end)
		}
	}
	slices.Sort(times)
	return times, all
}

// spread takes the beginning and, of each of the equal parts of the rest, what changes most.
func spread(starts []sample, end float64, most int) []sample {
	best := make(map[int]sample)
	for _, s := range starts[1:] {
		part := min(most-2, int(s.at/end*float64(most-1)))
		if s.change > best[part].change {
			best[part] = s
		}
	}
	chosen := []sample{starts[0]}
	for _, s := range best {
		chosen = append(chosen, s)
	}
	slices.SortFunc(chosen, func(a, b sample) int { return cmp.Compare(a.at, b.at) })
	return chosen
}

// seenFrames is what frames have shown so far.
type seenFrames struct {
	texts   []string // of each frame that shows something new
	regions []file.Region
	pieces  []piece
	lines   lines
}

// readFrames reads the frames at the times.
func (r *Reader) readFrames(ctx context.Context, path string, v video, times []float64, progress commands.ReadProgress) (seenFrames, error) {
	var seen seenFrames
	var before *image.Gray
	for i, at := range times {
		progress(20+80*i/len(times), fmt.Sprintf("frame %d of %d", i+1, len(times)))
		frame, err := r.frame(ctx, path, at)
		if err != nil {
			return seenFrames{}, err
		}
		if frame == nil || (before != nil && alike(before, frame)) {
			continue
		}
		before = frame
		shown, err := r.see(ctx, frame, func(int, string) {})
		if err != nil {
			return seenFrames{}, err
		}
		shown.pieces = slices.DeleteFunc(shown.pieces, func(p piece) bool { return seen.lines.known(p.text()) })
		if len(shown.pieces) == 0 {
			continue
		}
		larger := affine{float64(v.size.X) / float64(frame.Rect.Dx()), 0, 0, 0, float64(v.size.Y) / float64(frame.Rect.Dy()), 0}
		shown.toSource, shown.bounds = larger.after(shown.toSource), image.Rectangle{Max: v.size}
		ordered := shown.blocks()
		seen.texts = append(seen.texts, text(ordered))
		seen.regions = append(seen.regions, shown.regions(ordered, at)...)
		seen.pieces = append(seen.pieces, shown.pieces...)
		for _, p := range shown.pieces {
			seen.lines.add(p.text())
		}
	}
	return seen, nil
}

// alike reports whether two frames show the same, but for a cursor or what compression adds.
func alike(a, b *image.Gray) bool {
	const step, share = 32, 20_000
	if a.Rect != b.Rect {
		return false
	}
	differ := 0
	for i, v := range a.Pix {
		if d := int(v) - int(b.Pix[i]); d > step || d < -step {
			differ++
		}
	}
	return differ*share < len(a.Pix)
}
