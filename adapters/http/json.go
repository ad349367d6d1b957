package http

import (
	"encoding/json"
	"errors"
	"reflect"
)

var errBadCursor = errors.New("not a cursor")

func jsonMarshal(value any) ([]byte, error) { return json.Marshal(value) }

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
