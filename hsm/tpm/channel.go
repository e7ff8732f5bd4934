package tpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// Sizes in octets: TPM 2.0 Library, Part 1, section 18 (tag, size, code), and
// the most that implementations send.
const (
	headerSize  = 10
	maxResponse = 4096
)

// channel carries commands to the TPM. A write is a command, a read is its
// response. It connects at the first command and stays connected until Close.
// It is used by one operation at a time.
type channel struct {
	path     string
	deadline time.Time // of the operation under way

	conn io.ReadWriteCloser
	dead error // the connection broke; nothing is sent until Close

	// Why the operation failed, as the TPM or the connection said it: the
	// libraries above keep it as text only. Nil, or the last one.
	why error
}

func (c *channel) Write(p []byte) (int, error) {
	if c.dead != nil {
		return 0, c.dead
	}
	if c.conn == nil {
		if err := c.connect(); err != nil {
			return 0, c.broken(err)
		}
	}
	n, err := c.conn.Write(p)
	if err != nil {
		return n, c.broken(err)
	}
	return n, nil
}

func (c *channel) connect() error {
	info, err := os.Stat(c.path)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket != 0:
		conn, err := (&net.Dialer{Deadline: c.deadline}).Dial("unix", c.path)
		if err != nil {
			return err
		}
		c.conn = conn
		return conn.SetDeadline(c.deadline)
	case info.Mode()&fs.ModeCharDevice != 0:
		// Not os.OpenFile: in non-blocking mode the driver answers a read
		// with nothing while the TPM works. The driver has its own limits of
		// time for each command.
		fd, err := syscall.Open(c.path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err != nil {
			return &fs.PathError{Op: "open", Path: c.path, Err: err}
		}
		c.conn = os.NewFile(uintptr(fd), c.path)
		return nil
	}
	return fmt.Errorf("%s is neither a device nor a socket", c.path)
}

// Read reads one whole response into p.
func (c *channel) Read(p []byte) (int, error) {
	if c.dead != nil {
		return 0, c.dead
	}
	if c.conn == nil {
		return 0, c.broken(errors.New("a response is read before a command was sent"))
	}
	n, err := readResponse(c.conn, p)
	if err != nil {
		return 0, c.broken(err)
	}
	if code := tpm2.TPMRC(binary.BigEndian.Uint32(p[6:])); code != tpm2.TPMRCSuccess {
		c.why = code
	}
	return n, nil
}

// readResponse reads a response. A device gives it in one piece, and loses
// what is not taken; a socket may give it in several.
func readResponse(r io.Reader, p []byte) (int, error) {
	n, err := io.ReadAtLeast(r, p, headerSize)
	if err != nil {
		return 0, err
	}
	size := binary.BigEndian.Uint32(p[2:])
	if size < headerSize || size > maxResponse || int(size) > len(p) || n > int(size) {
		return 0, fmt.Errorf("a response of %d octets is announced, %d are there", size, n)
	}
	_, err = io.ReadFull(r, p[n:size])
	return int(size), err
}

// broken ends the connection for the operation under way.
func (c *channel) broken(err error) error {
	c.dead = &connectionError{err}
	c.why = c.dead
	return c.dead
}

// connectionError is any failure to talk to the TPM.
type connectionError struct{ err error }

func (e *connectionError) Error() string { return "tpm connection: " + e.err.Error() }
func (e *connectionError) Unwrap() error { return e.err }

// Close ends the connection; the next command opens another one, unless it broke.
func (c *channel) Close() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}

// MeasurementLog is part of the interface of the attestation library.
func (c *channel) MeasurementLog() ([]byte, error) {
	return nil, errors.New("no measurement log")
}
