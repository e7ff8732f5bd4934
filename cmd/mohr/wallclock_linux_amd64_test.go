package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"mohr/cmd/mohr/bench"
)

// clockVar names the file that says how far the clock of a process of this
// binary is off.
const clockVar = "MOHR_TEST_CLOCK"

// vdsoClockgettimeSym is where the runtime finds the kernel's clock_gettime; it
// lets other packages set it (runtime/badlinkname_linux.go).
//
//go:linkname vdsoClockgettimeSym runtime.vdsoClockgettimeSym
var vdsoClockgettimeSym uintptr

// stepped is a clock_gettime in front of the kernel's: to what CLOCK_REALTIME
// says it adds the seconds at an address, and CLOCK_MONOTONIC stays what it
// is, as with a clock that somebody sets. The zeros are the addresses of the
// kernel's function and of the seconds.
var stepped = []byte{
	0x56,                   // push rsi
	0x57,                   // push rdi
	0x48, 0x83, 0xec, 0x08, // sub rsp, 8
	0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, // mov rax, kernel's
	0xff, 0xd0, // call rax
	0x48, 0x83, 0xc4, 0x08, // add rsp, 8
	0x5f,       // pop rdi
	0x5e,       // pop rsi
	0x85, 0xff, // test edi, edi (CLOCK_REALTIME is 0)
	0x75, 0x10, // jne over the next three
	0x48, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0, // mov rcx, seconds
	0x48, 0x8b, 0x09, // mov rcx, [rcx]
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0xc3, // ret
}

// followClock makes this process's wall clock be off by what the file of
// clockVar says, from now on and at each moment, as if its machine's clock
// were set. Without the variable nothing is done.
func followClock() {
	name := os.Getenv(clockVar)
	if name == "" {
		return
	}
	f, err := os.Open(name)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	seconds, err := syscall.Mmap(int(f.Fd()), 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	code, err := syscall.Mmap(-1, 0, len(stepped), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil || vdsoClockgettimeSym == 0 {
		panic("the kernel's clock cannot be replaced")
	}
	copy(code, stepped)
	binary.NativeEndian.PutUint64(code[8:], uint64(vdsoClockgettimeSym))
	binary.NativeEndian.PutUint64(code[30:], uint64(uintptr(unsafe.Pointer(&seconds[0]))))
	if err := syscall.Mprotect(code, syscall.PROT_READ|syscall.PROT_EXEC); err != nil {
		panic(err)
	}
	vdsoClockgettimeSym = uintptr(unsafe.Pointer(&code[0]))
}

// TestAProcessHasAClockOfItsOwn: its wall clock can be set while it runs, and
// its timers do not care.
func TestAProcessHasAClockOfItsOwn(t *testing.T) {
	if os.Getenv(clockVar) != "" { // it is the process
		begun := time.Now()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); begun = time.Now() {
			fmt.Printf("clock %d %t\n", time.Now().Unix(), time.Since(begun).Abs() < time.Minute)
		}
		return
	}
	name := filepath.Join(t.TempDir(), "clock")
	set := func(d time.Duration) {
		if err := bench.SetClock(name, d); err != nil {
			t.Fatal(err)
		}
	}
	set(0)
	p := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	p.Env = append(os.Environ(), clockVar+"="+name)
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer p.Wait()
	defer in.Close()
	lines := bufio.NewScanner(out)
	for _, step := range []time.Duration{0, time.Hour, -24 * time.Hour, 7 * time.Second, 0} {
		set(step)
		before := time.Now().Add(step).Unix()
		fmt.Fprintln(in)
		var said int64
		var steady bool
		for lines.Scan() {
			if n, _ := fmt.Sscanf(lines.Text(), "clock %d %t", &said, &steady); n == 2 {
				break
			}
		}
		if after := time.Now().Add(step).Unix(); said < before || said > after || !steady {
			t.Errorf("set by %s it says %d, want %d to %d; its durations are right: %t", step, said, before, after, steady)
		}
	}
}
