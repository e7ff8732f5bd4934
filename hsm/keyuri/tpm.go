package keyuri

import "strings"

// maxName bounds the name of a key in a TPM's directory, in octets.
const maxName = 64

// parseTPM reads what follows "tpmkms:": attributes name=value separated by
// ";", percent-encoded, each once. The names are those of go.step.sm/crypto:
//
//	name               the key: letters, digits and -._~, not "." first
//	storage-directory  the directory with the keys' files
//	device             the TPM: a character device or a UNIX socket (swtpm)
//	x-secret-file      the file that keeps the service secret, sealed (ours)
//
// storage-directory and device must be there: what a default would choose
// depends on the machine.
func parseTPM(rest string) (URI, error) {
	u := URI{Scheme: TPM}
	if err := eachAttr(rest, ";", u.setTPMAttr); err != nil {
		return URI{}, err
	}
	switch {
	case u.Directory == "":
		return URI{}, badURI("storage-directory is missing, the directory with the keys' files")
	case u.Device == "":
		return URI{}, badURI("device is missing, the path of the TPM: /dev/tpmrm0, or a UNIX socket")
	}
	return u, nil
}

func (u *URI) setTPMAttr(name, value string) (err error) {
	switch name {
	case "name":
		// It becomes the name of a file.
		if len(value) > maxName || value[0] == '.' || strings.Trim(value, unreserved) != "" {
			return badURI("name is not of 1 to 64 letters, digits and -._~, or begins with a dot")
		}
		u.Object = value
	case "storage-directory":
		u.Directory, err = boundedText(value, tpmChars, maxURI)
	case "device":
		u.Device, err = boundedText(value, tpmChars, maxURI)
	case attrSecretFile:
		u.SecretFile, err = boundedText(value, tpmChars, maxURI)
	default:
		err = badURI("it has an attribute other than name, storage-directory, device and x-secret-file")
	}
	return err
}
