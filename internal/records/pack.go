package records

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// How the bytes after the first one are stored.
const (
	plain   = 0
	gzipped = 1
)

// packFrom is the size from which compressing is worth its time.
const packFrom = 4 << 10

// pack returns data as it is stored.
func pack(data []byte) []byte {
	if len(data) < packFrom {
		return append([]byte{plain}, data...)
	}
	buf := bytes.NewBuffer([]byte{gzipped})
	w, err := gzip.NewWriterLevel(buf, gzip.BestSpeed)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil { // there is no such level, or no memory
		return append([]byte{plain}, data...)
	}
	return buf.Bytes()
}

// unpack returns what pack was given.
func unpack(stored []byte) ([]byte, error) {
	if len(stored) == 0 {
		return nil, fmt.Errorf("%w: an empty record", ErrDamaged)
	}
	switch stored[0] {
	case plain:
		return stored[1:], nil
	case gzipped:
		r, err := gzip.NewReader(bytes.NewReader(stored[1:]))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		data, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("%w: a record of form %d", ErrDamaged, stored[0])
}

func packJSON(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode a record: %w", err)
	}
	return pack(data), nil
}

// unpacked scans a column that pack filled.
func unpacked(into *[]byte) sql.Scanner {
	return column(func(stored []byte) (err error) {
		*into, err = unpack(stored)
		return err
	})
}

// unpackedJSON scans a column that packJSON filled.
func unpackedJSON(into any) sql.Scanner {
	return column(func(stored []byte) error {
		data, err := unpack(stored)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil
	})
}

// at scans a column of nanoseconds.
func at(into *time.Time) sql.Scanner { return instant{into} }

type instant struct{ into *time.Time }

func (i instant) Scan(src any) error {
	ns, ok := src.(int64)
	if !ok {
		return fmt.Errorf("%w: a time is a %T", ErrDamaged, src)
	}
	*i.into = time.Unix(0, ns)
	return nil
}

type column func(stored []byte) error

func (c column) Scan(src any) error {
	stored, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("%w: a record is a %T", ErrDamaged, src)
	}
	return c(bytes.Clone(stored)) // the driver's buffer is valid for this call only
}
