package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// rushSizes is how many uploads come at once.
type rushSizes struct{ screenshots, documents, memos, pages int }

func (r rushSizes) all() int { return r.screenshots + r.documents + r.memos + r.pages }

// benchRush measures many uploads at once: until all of them are read, what memory that takes, and what others notice of
// it. The limit of the time is what the engines alone take for the pictures and the recordings, shared by all cores.
func (w *filesWorld) benchRush(ctx context.Context, _ options, sizes filesSizes, out io.Writer) error {
	files, err := w.rushFiles(ctx, sizes.rush)
	if err != nil {
		return err
	}
	limit, err := w.enginesAlone(ctx, files, sizes.rush)
	if err != nil {
		return err
	}
	paths, err := w.watched(ctx)
	if err != nil {
		return err
	}
	idle, err := w.idle(ctx, paths, sizes.idle)
	if err != nil {
		return err
	}
	r := rush{filesWorld: w}
	busy, err := r.run(ctx, paths, files)
	if err != nil {
		return err
	}
	after, err := w.idle(ctx, paths, sizes.idle)
	if err != nil {
		return err
	}
	r.report(out, len(files), sizes.rush, limit)
	compareCalls(out, append(idle, after...), busy, r.arrived)
	return nil
}

// rush is many uploads at once.
type rush struct {
	*filesWorld
	began   time.Time
	arrived time.Time // all of them
	read    time.Time // all of them
	most    int       // of memory, in KB
	at      int       // before, in KB
}

// run uploads everything at once, each over a connection of its own, and waits until everything is read.
func (r *rush) run(ctx context.Context, paths []string, files []made) (busy []call, err error) {
	stopMemory := r.watchMemory(ctx)
	stopCalls, err := r.call(ctx, paths)
	if err != nil {
		stopMemory()
		return nil, err
	}
	r.began = time.Now()
	err = r.upload(ctx, files)
	r.read = time.Now()
	stopMemory()
	busy, failed := stopCalls()
	if err != nil {
		return nil, err
	}
	return busy, failed
}

func (r *rush) upload(ctx context.Context, files []made) error {
	ids, errs := make([]string, len(files)), make([]error, len(files))
	var work sync.WaitGroup
	for i, f := range files {
		work.Go(func() {
			c, err := connect(ctx, r.real.address, r.member)
			if err == nil {
				defer c.close()
				ids[i], err = c.upload(f.name, f.content)
			}
			errs[i] = err
		})
	}
	work.Wait()
	r.arrived = time.Now()
	for i, id := range ids {
		if errs[i] != nil {
			return errs[i]
		}
		if _, err := r.ear.completed(ctx, id); err != nil {
			return fmt.Errorf("%s: %w", files[i].name, err)
		}
	}
	return nil
}

// memoryEvery is how often the memory of the program and its children is added up.
const memoryEvery = 200 * time.Millisecond

// watchMemory adds up what the program and all that it started hold, until it is stopped.
func (r *rush) watchMemory(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	pid := r.real.cmd.Process.Pid
	r.at = treeMemory(pid)
	var work sync.WaitGroup
	work.Go(func() {
		ticker := time.NewTicker(memoryEvery)
		defer ticker.Stop()
		for {
			r.most = max(r.most, treeMemory(pid))
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return func() {
		cancel()
		work.Wait()
	}
}

// treeMemory is what a process and everything that came of it hold, in KB. What they share is counted for each.
func treeMemory(root int) int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // only a malformed pattern is an error
	children := map[int][]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			parent, _ := parseStat(string(text))
			children[parent] = append(children[parent], pid)
		}
	}
	total := 0
	for tree := []int{root}; len(tree) > 0; tree = tree[1:] {
		total += memoryOf(tree[0], resident)
		tree = append(tree, children[tree[0]]...)
	}
	return total
}

func (r *rush) report(out io.Writer, files int, sizes rushSizes, limit time.Duration) {
	results := newTable("what", "measured:", "limit:", "ratio:", "target:")
	took := r.read.Sub(r.began)
	results.add("all read, s", seconds(took), seconds(limit), ratio(limit.Seconds()/took.Seconds()), "all")
	results.add("all taken in, s", seconds(r.arrived.Sub(r.began)), "", "", "")
	results.add("memory of the program and its children, most, MB", megabytes(r.most), "", "", "< 1500")
	results.add("the same before, MB", megabytes(r.at), "", "", "")
	results.write(out, fmt.Sprintf("%d uploads at once", files), fmt.Sprintf("%d screenshots, %d texts, tables and DOCX, %d recordings of a few seconds, %d PDF and HTML; every one completed. "+
		"Measured once. The limit is one plain run of tesseract a screenshot and of the speech engine a recording, over %d cores.", sizes.screenshots, sizes.documents, sizes.memos, sizes.pages, cores()))
}

// enginesAlone is what the engines take for the pictures and the recordings, from a few of each.
func (w *filesWorld) enginesAlone(ctx context.Context, files []made, sizes rushSizes) (time.Duration, error) {
	const few = 3
	var pictures, memos []time.Duration
	for _, f := range files {
		path := filepath.Join(w.dir, f.name)
		switch {
		case f.kind == screenshot && len(pictures) < few:
			if err := os.WriteFile(path, f.content, 0o600); err != nil {
				return 0, err
			}
			took, err := tesseract(ctx, path, "OMP_THREAD_LIMIT=1")
			if err != nil {
				return 0, err
			}
			pictures = append(pictures, took)
		case f.kind == memo && len(memos) < few && w.speech != "":
			if err := os.WriteFile(path, f.content, 0o600); err != nil {
				return 0, err
			}
			if err := toHear(ctx, path, path+".wav"); err != nil {
				return 0, err
			}
			took, err := w.hear(ctx, path+".wav")
			if err != nil {
				return 0, err
			}
			memos = append(memos, took)
		}
	}
	return (median(pictures)*time.Duration(sizes.screenshots) + median(memos)*time.Duration(sizes.memos)) / time.Duration(cores()), nil
}

// compareCalls tells how long the API took while nothing else happened, and while uploads came and were read.
func compareCalls(out io.Writer, idle, busy []call, arrived time.Time) {
	came := slices.IndexFunc(busy, func(c call) bool { return c.at.After(arrived) })
	if came < 0 {
		came = len(busy)
	}
	results := newTable("meanwhile", "calls:", "p50 ms:", "p99 ms:", "p99 to idle:", "target:")
	still := lasted(idle)
	for _, line := range []struct {
		what, target string
		of           []call
	}{
		{"idle: nothing else happens", "", idle},
		{"uploads come and are read", "2.00", busy},
		{"while they come", "", busy[:came]},
		{"while they are read", "", busy[came:]},
	} {
		s := lasted(line.of)
		results.add(line.what, strconv.Itoa(s.done), ms(s.p50), ms(s.p99), ratio(float64(s.p99)/float64(still.p99)), line.target)
	}
	results.write(out, "The API meanwhile", fmt.Sprintf("A ticket or a list of 20 in turns, over %d connections, %d a second all together; idle is before and after, in the same run.",
		callers, callers*int(time.Second/callEvery)))
}
