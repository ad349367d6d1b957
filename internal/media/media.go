// Package media says how ffmpeg and ffprobe may open what somebody has uploaded.
//
// # Why
//
// Playlists and scripts of ffmpeg name other files and addresses, which are not their owner's to read. So only containers
// that hold everything themselves are opened, and nothing but files. Three readers run these programs, and one that
// forgot it would be enough.
package media

// Careful puts what every run needs before its arguments.
func Careful(args ...string) []string {
	return append([]string{
		"-v", "error", "-protocol_whitelist", "file,pipe", "-format_whitelist",
		"aac,ac3,aiff,amr,ape,asf,au,avi,caf,flac,flv,h264,hevc,matroska,mov,mp3,mpeg,mpegts,mpegvideo,mxf,ogg,w64,wav,wv",
	}, args...)
}
