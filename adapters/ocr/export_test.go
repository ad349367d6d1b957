package ocr

// WithPrograms makes the reader run other programs.
func (r *Reader) WithPrograms(tesseract, ffmpeg, ffprobe string) *Reader {
	r.programs = programs{tesseract: tesseract, ffmpeg: ffmpeg, ffprobe: ffprobe}
	return r
}
