package access

import (
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Mode says by the permissions of Unix what a file's list lets others do than
// its owner, the system and administrators: those are the groups in which
// everybody is. It is 0 where there is no telling.
func Mode(path string, _ fs.FileInfo) fs.FileMode {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return 0
	}
	acl, _, err := sd.DACL()
	if err != nil || acl == nil {
		return 0o666 // no list refuses nobody
	}
	mode := fs.FileMode(0o600)
	for _, ace := range allowed(acl) {
		if ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || !everybody((*windows.SID)(unsafe.Pointer(&ace.SidStart))) {
			continue
		}
		if ace.Mask&(windows.FILE_READ_DATA|windows.GENERIC_READ|windows.GENERIC_ALL) != 0 {
			mode |= 0o044
		}
		if ace.Mask&(windows.FILE_WRITE_DATA|windows.WRITE_DAC|windows.WRITE_OWNER|windows.GENERIC_WRITE|windows.GENERIC_ALL) != 0 {
			mode |= 0o022
		}
	}
	return mode
}

// allowed are the entries of a list that permit something.
func allowed(acl *windows.ACL) []*windows.ACCESS_ALLOWED_ACE {
	var out []*windows.ACCESS_ALLOWED_ACE
	if acl == nil {
		return nil
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(acl, i, &ace) == nil && ace.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE {
			out = append(out, ace)
		}
	}
	return out
}

func everybody(sid *windows.SID) bool {
	for _, k := range []windows.WELL_KNOWN_SID_TYPE{
		windows.WinWorldSid, windows.WinAuthenticatedUserSid, windows.WinBuiltinUsersSid, windows.WinBuiltinGuestsSid,
		windows.WinInteractiveSid, windows.WinAnonymousSid,
	} {
		if sid.IsWellKnown(k) {
			return true
		}
	}
	return false
}

// private is a list with this user, the system and administrators, which takes
// nothing from the folder: what ssh demands of keys, too.
func private() (*windows.SECURITY_DESCRIPTOR, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	return windows.SecurityDescriptorFromString("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;" + user.User.Sid.String() + ")")
}

// Restrict makes a file this user's alone.
func Restrict(path string) error {
	sd, err := private()
	if err == nil {
		err = set(path, sd)
	}
	if err != nil {
		return &fs.PathError{Op: "restrict", Path: path, Err: err}
	}
	return nil
}

// Copy gives a file the list of another. A file system without lists has none
// to give.
func Copy(from, to string) error {
	sd, err := windows.GetNamedSecurityInfo(from, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil //nolint:nilerr // the file stays private
	}
	if err := set(to, sd); err != nil {
		return &fs.PathError{Op: "restrict", Path: to, Err: err}
	}
	return nil
}

// set sets a list as it is. SetNamedSecurityInfo would add what the folder's
// list hands down.
func set(path string, sd *windows.SECURITY_DESCRIPTOR) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	h, err := windows.CreateFile(name, windows.WRITE_DAC, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h) //nolint:errcheck // nothing was written
	return windows.SetKernelObjectSecurity(h, windows.DACL_SECURITY_INFORMATION, sd)
}

// Create makes a file that must not exist. One that shall be its owner's alone
// is so before anything is in it.
func Create(path string, mode fs.FileMode) (*os.File, error) {
	if mode&0o077 != 0 {
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	}
	h, err := create(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

func create(path string) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	sd, err := private()
	if err != nil {
		return 0, err
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	return windows.CreateFile(name, windows.GENERIC_WRITE, windows.FILE_SHARE_READ, sa, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
}
