package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"ticketd/adapters/postgres"
)

// filesSizes is how much is uploaded.
type filesSizes struct {
	upload           int           // bytes
	recording, chunk time.Duration // the chunk is what the engine hears alone
	rush             rushSizes
	rows             int           // of the table of files
	idle             time.Duration // how long the API is watched while nothing else happens, before the rush and after it
}

var usualFiles = filesSizes{
	upload: 100 << 20, recording: 30 * time.Minute, chunk: 5 * time.Minute, rows: 20_000, idle: 8 * time.Second,
	rush: rushSizes{screenshots: 60, documents: 20, memos: 10, pages: 10},
}

// filesPatience is how long the section may take: what hangs shall not hang the benchmarks.
const filesPatience = 10 * time.Minute

// benchFiles measures uploads, and what is read from them, beside the programs that do nothing else.
func benchFiles(ctx context.Context, l *lab, o options, out io.Writer) error {
	database, err := l.database(ctx, "files")
	if err != nil {
		return err
	}
	return l.measureFiles(ctx, database, o, usualFiles, out)
}

func (l *lab) measureFiles(ctx context.Context, database string, o options, sizes filesSizes, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, filesPatience)
	defer cancel()
	w, err := l.openFiles(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, part := range []func(context.Context, options, filesSizes, io.Writer) error{
		w.benchUpload, w.benchPicture, w.benchRecording, w.benchRush, w.benchAttachments,
	} {
		if err := part(ctx, o, sizes, out); err != nil {
			return err
		}
	}
	return nil
}

// filesWorld is the real program with engines, a member who uploads, and what the program tells of it.
type filesWorld struct {
	*world
	dir    string // for what is made to be uploaded
	speech string // the folder of Vosk; empty: it is not here
	ear    *ear
}

func (l *lab) openFiles(ctx context.Context, database string) (_ *filesWorld, err error) {
	w := &filesWorld{world: newWorld(), dir: l.dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.pool, err = postgres.Open(ctx, database); err != nil {
		return nil, err
	}
	if w.speech, err = speechFolder(); err != nil {
		return nil, err
	}
	if w.real, err = l.serve(ctx, "files", database, "RATE_LIMIT_UPLOAD=0", "STORAGE_QUOTA_MB=0", "WORKERS=-1", "CLAMD_ADDR=", "OPENAI_API_KEY=", "OPENAI_BASE_URL=", "SPEECH_DIR="+w.speech); err != nil {
		return nil, err
	}
	members, err := w.join(ctx, 1)
	if err != nil {
		return nil, err
	}
	w.member = members[0]
	w.ear, err = listen(ctx, w.real.address, w.member)
	return w, err
}

func (w *filesWorld) close() error {
	if w.ear != nil {
		w.ear.close()
	}
	return w.world.close()
}

// speechFolder answers where scripts/speech puts the engine, which is beside go.mod; nothing when it is not there.
func speechFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		folder := filepath.Join(dir, "engines", "vosk")
		_, library := os.Stat(filepath.Join(folder, "libvosk.so"))
		_, model := os.Stat(filepath.Join(folder, "model"))
		if library == nil && model == nil {
			return folder, nil
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
		dir = filepath.Dir(dir)
	}
}

// each runs a measurement that does one thing at a time as often as there are rounds: the limit first, then those that are
// compared with it.
func each(rounds int, things ...func() (time.Duration, error)) ([]*series, error) {
	all := make([]*series, len(things))
	for i := range all {
		all[i] = &series{}
	}
	for range rounds {
		var limit sample
		for i, thing := range things {
			took, err := thing()
			if err != nil {
				return nil, err
			}
			s := once(took)
			if i == 0 {
				limit = s
			}
			all[i].add(s, limit)
		}
	}
	return all, nil
}

// once is the sample of one thing that took so long.
func once(took time.Duration) sample { return summary([]time.Duration{took}, took) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

func megabytes(kb int) string { return whole(float64(kb) / 1024) }

// cores is how many engines can run at a time.
func cores() int { return runtime.GOMAXPROCS(0) }
