package catalog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ticketd/eventstore/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden is testdata/<name>.v<version>.json: an event as production holds it. These files are never edited.
type golden struct {
	path    string
	name    string
	version int
	data    []byte
}

func goldens(tb testing.TB) []golden {
	tb.Helper()
	paths, err := filepath.Glob("testdata/*.json")
	require.NoError(tb, err)
	list := make([]golden, len(paths))
	for i, path := range paths {
		name, number, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), ".v")
		version, err := strconv.Atoi(number)
		require.NoError(tb, err, path)
		data, err := os.ReadFile(path)
		require.NoError(tb, err)
		list[i] = golden{path, name, version, []byte(strings.TrimSpace(string(data)))}
	}
	return list
}

// UPDATE_GOLDEN=1 writes the files that are missing, from filled samples, and never touches one that exists.
func TestEveryEventHasAGoldenFile(t *testing.T) {
	t.Parallel()
	for _, typ := range catalog.Codec.Types() {
		sample := reflect.New(typ).Elem()
		require.NoError(t, fill(sample, typ.Name()))
		name, version, data, err := catalog.Codec.Encode(sample.Interface(), nil)
		require.NoError(t, err)
		path := filepath.Join("testdata", fmt.Sprintf("%s.v%d.json", name, version))
		if os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, writeMissing(path, append(data, '\n')))
		}
		_, err = os.Stat(path)
		require.NoError(t, err, "make golden writes it")
	}
}

func writeMissing(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if os.IsExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// What was stored once must decode for ever, and today's form must not change without a new version.
func TestStoredEventsStillDecode(t *testing.T) {
	t.Parallel()
	for _, g := range goldens(t) {
		event, err := catalog.Codec.Decode(g.name, g.version, g.data)
		require.NoError(t, err, g.path)
		name, version, data, err := catalog.Codec.Encode(event, nil)
		require.NoError(t, err, g.path)
		require.Equal(t, g.name, name)
		if g.version == version {
			require.Equal(t, string(g.data), string(data), "%s: the stored form changed without a new version", g.path)
			require.Empty(t, empty(reflect.ValueOf(event), g.name), "%s: fill the golden event", g.path)
		}
	}
}

// fill gives every field a value that is fixed and not empty. name is the field's.
func fill(v reflect.Value, name string) error {
	switch v.Interface().(type) {
	case uuid.UUID:
		v.Set(reflect.ValueOf(uuid.NewSHA1(uuid.NameSpaceOID, []byte(name))))
		return nil
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC)))
		return nil
	case map[string]any:
		v.Set(reflect.ValueOf(map[string]any{"text": name, "number": 1.5, "list": []any{true, nil}, "nested": map[string]any{"a": "b"}}))
		return nil
	case map[string]string:
		v.Set(reflect.ValueOf(map[string]string{name: "what " + name + " is called"}))
		return nil
	case map[string]int:
		v.Set(reflect.ValueOf(map[string]int{name: len(name)}))
		return nil
	}
	switch v.Kind() { //nolint:exhaustive // events hold no other kinds; one that does is an error
	case reflect.String:
		v.SetString(name)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(len(name)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			if err := fill(v.Index(i), name+strconv.Itoa(i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.Anonymous {
				field.Name = name // an id is a struct around its uuid
			}
			if err := fill(v.Field(i), field.Name); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%s is a %v: teach fill what to put there", name, v.Type())
	}
	return nil
}

// empty lists the fields that hold nothing.
func empty(v reflect.Value, path string) []string {
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() {
		var list []string
		for i := range v.NumField() {
			list = append(list, empty(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
		return list
	}
	if v.IsZero() {
		return []string{path}
	}
	return nil
}
