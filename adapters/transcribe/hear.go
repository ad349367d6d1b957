package transcribe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ebitengine/purego"
)

// library is what is called of libvosk.
type library struct {
	setLogLevel    func(level int32)
	newModel       func(path string) uintptr
	newRecognizer  func(model uintptr, rate float32) uintptr
	setWords       func(recognizer uintptr, on int32)
	accept         func(recognizer uintptr, samples *byte, length int32) int32
	result         func(recognizer uintptr) string
	finalResult    func(recognizer uintptr) string
	freeRecognizer func(recognizer uintptr)
	freeModel      func(model uintptr)
}

// progressed is a line of the child's output: how many seconds it has heard, and the words when somebody paused.
type progressed struct {
	Heard float64 `json:"heard"`
	Words []word  `json:"words,omitempty"`
}

// blockBytes is a quarter of a second.
const blockBytes = secondBytes / 4

// Hear is the main function of the process that hears: args are the folder of Vosk and a WAV of 16 kHz, one channel and 16
// bits. It writes a line of JSON for each second and each utterance. It has a process of its own because it loads a
// foreign library into it, which may crash and is not told to stop.
func Hear(args []string, stdout io.Writer) error {
	if len(args) != 2 {
		return errors.New("hear takes the folder of Vosk and a WAV")
	}
	wav, err := os.Open(args[1])
	if err != nil {
		return fmt.Errorf("open the sound: %w", err)
	}
	defer func() { _ = wav.Close() }()
	if _, err := wav.Seek(headerBytes, io.SeekStart); err != nil {
		return fmt.Errorf("open the sound: %w", err)
	}
	vosk, err := load(filepath.Join(args[0], libraryName))
	if err != nil {
		return err
	}
	vosk.setLogLevel(-1)
	model := vosk.newModel(filepath.Join(args[0], modelName))
	if model == 0 {
		return errors.New("the model cannot be loaded")
	}
	defer vosk.freeModel(model)
	return vosk.hear(model, wav, json.NewEncoder(stdout))
}

func load(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("load Vosk: %w", err)
	}
	var l library
	for name, function := range map[string]any{
		"vosk_set_log_level":              &l.setLogLevel,
		"vosk_model_new":                  &l.newModel,
		"vosk_recognizer_new":             &l.newRecognizer,
		"vosk_recognizer_set_words":       &l.setWords,
		"vosk_recognizer_accept_waveform": &l.accept,
		"vosk_recognizer_result":          &l.result,
		"vosk_recognizer_final_result":    &l.finalResult,
		"vosk_recognizer_free":            &l.freeRecognizer,
		"vosk_model_free":                 &l.freeModel,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("load Vosk: %w", err)
		}
		purego.RegisterFunc(function, symbol)
	}
	return &l, nil
}

func (l *library) hear(model uintptr, samples io.Reader, out *json.Encoder) error {
	recognizer := l.newRecognizer(model, sampleRate)
	if recognizer == 0 {
		return errors.New("the model cannot be used")
	}
	defer l.freeRecognizer(recognizer)
	l.setWords(recognizer, 1)
	var heard float64
	block := make([]byte, blockBytes)
	for blocks := 1; ; blocks++ {
		n, err := io.ReadFull(samples, block)
		if err == io.EOF { //nolint:errorlint // io.ReadFull answers it as it is
			break
		}
		if err != nil && err != io.ErrUnexpectedEOF { //nolint:errorlint // io.ReadFull answers it as it is
			return fmt.Errorf("read the sound: %w", err)
		}
		heard += float64(n) / secondBytes
		ended := l.accept(recognizer, &block[0], int32(n)) //nolint:gosec // a block is short
		if ended < 0 {
			return errors.New("the sound cannot be heard")
		}
		said := progressed{Heard: heard}
		if ended > 0 {
			if said.Words, err = wordsOf(l.result(recognizer)); err != nil {
				return err
			}
		}
		if ended > 0 || blocks%4 == 0 {
			if err := out.Encode(said); err != nil {
				return fmt.Errorf("tell what was heard: %w", err)
			}
		}
	}
	last, err := wordsOf(l.finalResult(recognizer))
	if err != nil {
		return err
	}
	return out.Encode(progressed{Heard: heard, Words: last})
}

// wordsOf reads a result: "" when nobody spoke.
func wordsOf(result string) ([]word, error) {
	var said struct {
		Words []word `json:"result"`
	}
	if err := json.Unmarshal([]byte(result), &said); err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	return said.Words, nil
}
