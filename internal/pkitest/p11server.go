package pkitest

import (
	"path/filepath"
	"strings"
	"testing"
)

// TokenServer is a SoftHSM token in a process of its own, behind p11-kit's
// server: it can be killed, frozen and started again under a keyring's feet.
type TokenServer struct {
	// Base is the base URI of its keys through the server, for hsm.KeyURI.
	Base string
	// Direct is the same token without the server, for other programs.
	Direct string

	*server
}

// P11Server initializes a token as SoftHSM does and starts a server for it.
// P11_KIT_SERVER_ADDRESS is set until the test ends, for this process and its
// children; the test cannot be parallel.
func P11Server(t testing.TB) *TokenServer {
	t.Helper()
	tool := Need(t, "p11-kit", "p11-kit")
	found, _ := filepath.Glob("/usr/lib*/*/pkcs11/p11-kit-client.so")
	if more, _ := filepath.Glob("/usr/lib*/pkcs11/p11-kit-client.so"); len(more) > 0 {
		found = append(found, more...)
	}
	if len(found) == 0 {
		Missing(t, "p11-kit-client.so is not installed (Debian: apt-get install p11-kit-modules)")
	}
	direct, module := SoftHSM(t), softModule(t)
	socket := filepath.Join(SocketDir(t), "p11")
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+socket)
	s := &TokenServer{
		Base:   strings.Replace(direct, "module-path="+module, "module-path="+found[0], 1),
		Direct: direct,
		server: newServer(t, socket, tool, "server", "--foreground", "--name", socket, "--provider", module, "pkcs11:"),
	}
	s.Start()
	return s
}
