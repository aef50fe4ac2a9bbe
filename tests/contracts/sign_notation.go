// Signs with the Notary Project's own library, for notation.json. Debian has it:
//
//	apt-get install golang-go golang-github-notaryproject-notation-core-go-dev
//	GOPATH=/usr/share/gocode GO111MODULE=off go run tests/contracts/sign_notation.go > tests/contracts/notation.json
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
)

const digest = "sha256:" + "abababababababababababababababababababababababababababababababab"

type signed struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Root      string `json:"root"`
	Content   string `json:"content"`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func certify(serial int64, name string, isAuthority bool, key crypto.Signer, parent *x509.Certificate, by crypto.Signer) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{Country: []string{"US"}, Province: []string{"WA"}, Organization: []string{"Acme"}, CommonName: name},
		NotBefore:             time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2125, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		BasicConstraintsValid: true,
	}
	if isAuthority {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	}
	if parent == nil {
		parent, by = template, key
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by))))
}

func sign(name, mediaType string, make func() crypto.Signer, expires bool) signed {
	rootKey, key := make(), make()
	root := certify(1, "Acme Root", true, rootKey, nil, nil)
	leaf := certify(2, "Acme Images", false, key, root, rootKey)
	request := &signature.SignRequest{
		Payload: signature.Payload{
			ContentType: "application/vnd.cncf.notary.payload.v1+json",
			Content:     []byte(`{"targetArtifact":{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"` + digest + `","size":7}}`),
		},
		Signer:        must(signature.NewLocalSigner([]*x509.Certificate{leaf, root}, key)),
		SigningTime:   time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		SigningScheme: signature.SigningSchemeX509,
		SigningAgent:  "basebump-tests/1",
	}
	if expires {
		request.Expiry = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	}
	content := must(must(signature.NewEnvelope(mediaType)).Sign(request))
	pemRoot := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	return signed{name, mediaType, string(pemRoot), base64.StdEncoding.EncodeToString(content)}
}

func ofRSA(bits int) func() crypto.Signer {
	return func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, bits)) }
}

func ofEC(curve elliptic.Curve) func() crypto.Signer {
	return func() crypto.Signer { return must(ecdsa.GenerateKey(curve, rand.Reader)) }
}

func main() {
	all := []signed{
		sign("jws-rsa-2048", jws.MediaTypeEnvelope, ofRSA(2048), false),
		sign("jws-ec-384", jws.MediaTypeEnvelope, ofEC(elliptic.P384()), false),
		sign("jws-expires", jws.MediaTypeEnvelope, ofEC(elliptic.P256()), true),
		sign("cose-rsa-3072", cose.MediaTypeEnvelope, ofRSA(3072), false),
		sign("cose-ec-256", cose.MediaTypeEnvelope, ofEC(elliptic.P256()), false),
		sign("cose-ec-521", cose.MediaTypeEnvelope, ofEC(elliptic.P521()), false),
		sign("cose-expires", cose.MediaTypeEnvelope, ofEC(elliptic.P256()), true),
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(all); err != nil {
		panic(err)
	}
}
