// Package wine has what wine 8 lacks to run programs that Go has built.
package wine

import (
	"bytes"
	"encoding/binary"
)

// RandomLibrary is bcryptprimitives.dll: a 64-bit Windows library of two functions' names and no code.
//
// Go's programs ask bcryptprimitives.dll for ProcessPrng when they start, and
// wine has that library since version 9 only. The loader follows an export that
// is the name of another one, and wine's advapi32 has had
// SystemFunction036 (RtlGenRandom, with the same two arguments) for ever.
func RandomLibrary() []byte {
	const (
		alignment = 0x1000
		rva       = 0x1000 // of the only section
		fileAt    = 0x200
		library   = "bcryptprimitives.dll\x00"
		export    = "ProcessPrng\x00"
		target    = "advapi32.SystemFunction036\x00"
		tables    = 40 // the export directory's own length
		functions = rva + tables
		names     = functions + 4
		ordinals  = names + 4
		libraryAt = ordinals + 4
		exportAt  = libraryAt + uint32(len(library))
		targetAt  = exportAt + uint32(len(export))
		size      = targetAt + uint32(len(target)) - rva
	)
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v)
		}
	}
	pad := func(n int) { b.Write(make([]byte, n-b.Len())) }

	b.WriteString("MZ")
	pad(0x3c)
	put(uint32(0x40))
	b.WriteString("PE\x00\x00")
	put(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022)) // amd64, one section, a DLL
	put(uint16(0x20b), uint16(0), uint32(0), uint32(0x200), uint32(0), uint32(0), uint32(rva))
	put(uint64(0x180000000), uint32(alignment), uint32(0x200)) // where it likes to be, and alignments
	put(uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0))
	put(uint32(rva+alignment), uint32(fileAt), uint32(0), uint16(3), uint16(0x160))
	put(uint64(0x100000), uint64(0x1000), uint64(0x100000), uint64(0x1000), uint32(0), uint32(16))
	put(uint32(rva), size) // the export directory, with which forwarders have to begin and end
	put(make([]uint32, 30))
	b.WriteString(".edata\x00\x00")
	put(size, uint32(rva), uint32(0x200), uint32(fileAt), uint32(0), uint32(0), uint32(0), uint32(0x40000040))
	pad(fileAt)

	put(uint32(0), uint32(0), uint32(0), uint32(libraryAt), uint32(1), uint32(1), uint32(1), uint32(functions), uint32(names), uint32(ordinals))
	put(targetAt, exportAt, uint16(0), uint16(0))
	b.WriteString(library + export + target)
	pad(fileAt + 0x200)
	return b.Bytes()
}
