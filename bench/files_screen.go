package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// The colours of a screen.
var (
	white  = color.RGBA{0xff, 0xff, 0xff, 0xff}
	panel  = color.RGBA{0xf1, 0xf3, 0xf5, 0xff}
	border = color.RGBA{0xce, 0xd4, 0xda, 0xff}
	ink    = color.RGBA{0x21, 0x25, 0x29, 0xff}
	faint  = color.RGBA{0x5c, 0x63, 0x6a, 0xff}
	blue   = color.RGBA{0x0b, 0x5e, 0xd7, 0xff}
	night  = color.RGBA{0x16, 0x1b, 0x22, 0xff}
)

// screen is a picture that text is written on. The first error is kept, for drawing goes on without it.
type screen struct {
	picture *image.RGBA
	err     error
}

func newScreen(width, height int) *screen {
	s := &screen{picture: image.NewRGBA(image.Rect(0, 0, width, height))}
	s.box(0, 0, width, height, white)
	return s
}

func (s *screen) box(x, y, width, height int, c color.Color) {
	draw.Draw(s.picture, image.Rect(x, y, x+width, y+height), image.NewUniform(c), image.Point{}, draw.Src)
}

func (s *screen) button(x, y int, text string) {
	s.box(x, y, 20+9*len(text), 34, blue)
	s.write(goregular.TTF, 15, white, x+12, y+22, text)
}

// write puts a line where its baseline begins.
func (s *screen) write(ttf []byte, size float64, c color.Color, x, y int, text string) {
	parsed, err := opentype.Parse(ttf)
	if err != nil {
		s.err = err
		return
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		s.err = err
		return
	}
	pen := font.Drawer{Dst: s.picture, Src: image.NewUniform(c), Face: face, Dot: fixed.P(x, y)}
	pen.DrawString(text)
}

func (s *screen) png() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	var b bytes.Buffer
	err := png.Encode(&b, s.picture)
	return b.Bytes(), err
}

const consoleTitle = "Delivery report for April"

// consolePage draws a whole page of a program: a bar, a text, buttons, a table and a dark log.
func consolePage() ([]byte, error) {
	s := newScreen(1280, 800)
	s.box(0, 0, 1280, 52, panel)
	s.write(gobold.TTF, 18, ink, 24, 33, "Harbour Logistics")
	s.write(goregular.TTF, 15, faint, 930, 32, "Signed in as ines.moreau@harbour.example")
	s.write(gobold.TTF, 24, ink, 24, 100, consoleTitle)
	for i, line := range []string{
		"Reports that were started after 08:30 stay in the queue. The counter shows 14 of 14 parcels, and then",
		"nothing more happens until the page is loaded again. Two warehouses are affected, the third one is not.",
		"Reports with less than 200 parcels are ready within a minute, as they were before the update.",
	} {
		s.write(goregular.TTF, 16, ink, 24, 140+26*i, line)
	}
	s.button(24, 216, "Start again")
	s.button(180, 216, "Save the log")
	s.button(346, 216, "Ask for help")
	for i, row := range [][5]string{
		{"Parcel", "Customer", "Weight", "State", "Last seen"},
		{"PK-30551", "Lindgren Furniture", "12.40 kg", "Delivered", "2026-04-02 09:12"},
		{"PK-30552", "Okafor and Sons", "0.85 kg", "In transit", "2026-04-02 11:47"},
		{"PK-30553", "Tanaka Instruments", "31.00 kg", "Returned", "2026-04-03 07:30"},
		{"PK-30554", "Green Valley Foods", "5.75 kg", "Delivered", "2026-04-03 15:58"},
		{"PK-30555", "Muller Druck", "2.10 kg", "Lost", "2026-04-04 10:05"},
	} {
		y, ttf := 276+36*i, goregular.TTF
		s.box(24, y, 1232, 36, border)
		s.box(25, y+1, 1230, 34, white)
		if i == 0 {
			s.box(25, y+1, 1230, 34, panel)
			ttf = gobold.TTF
		}
		for j, x := range []int{40, 240, 560, 760, 960} {
			s.write(ttf, 15, ink, x, y+24, row[j])
		}
	}
	s.box(24, 520, 1232, 232, night)
	for i, line := range []string{
		"08:31:07 report 7719 accepted, 14 parcels",
		"08:31:09 worker-2 reads parcel PK-30551 from shelf B12",
		"08:31:15 worker-2 reads parcel PK-30552 from shelf C03",
		"08:32:15 worker-2 gave up: no answer from shelf C07 within 60 seconds",
		"    at ShelfClient.ask (shelf-client.js:118:21)",
		"    at async ReportJob.next (report-job.js:64:9)",
		"08:32:16 report 7719 is back in the queue, attempt 2 of 3",
	} {
		s.write(gomono.TTF, 15, border, 44, 552+28*i, line)
	}
	s.write(goregular.TTF, 15, faint, 24, 784, "Version 7.2.0 (build 51903)")
	s.write(goregular.TTF, 15, faint, 1040, 784, "Connected to warehouse 3")
	return s.png()
}

// dialogShot makes a small screenshot, of a dialog with a message.
func dialogShot(n int) (made, error) {
	s := newScreen(640, 220)
	s.box(0, 0, 640, 44, panel)
	s.write(gobold.TTF, 17, ink, 20, 28, fmt.Sprintf("Report %d was not finished", 7000+n))
	for i, line := range []string{
		"The shelf did not answer within 60 seconds.",
		fmt.Sprintf("Parcel PK-%d is still in the queue.", 30_500+n),
		"Start the report again, or ask for help.",
	} {
		s.write(goregular.TTF, 16, ink, 20, 80+28*i, line)
	}
	s.button(20, 168, "Start again")
	s.button(180, 168, "Close")
	content, err := s.png()
	return made{screenshot, fmt.Sprintf("dialog%d.png", n), content}, err
}
