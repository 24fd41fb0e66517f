// Command floor is the least that a program can do to make a CA and N P-256
// server certificates: a bare loop that generates, signs and writes the same
// files with the same durability (each written under another name, synced,
// renamed; the folder synced at the end), on all processors. certgen's speed is
// measured against it.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func main() {
	dir := os.Args[1]
	n, err := strconv.Atoi(os.Args[2])
	check(err)
	check(os.MkdirAll(dir, 0o700))
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	ca := template("ca")
	ca.IsCA, ca.KeyUsage, ca.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	check(err)
	ca, err = x509.ParseCertificate(der)
	check(err)
	pair(dir, "ca", der, caKey)
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				check(err)
				t := template(fmt.Sprintf("srv-%d", i))
				t.DNSNames = []string{fmt.Sprintf("srv-%d.example.org", i)}
				der, err := x509.CreateCertificate(rand.Reader, t, ca, key.Public(), caKey)
				check(err)
				pair(dir, fmt.Sprintf("srv-%d", i), der, key)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	d, err := os.Open(dir)
	check(err)
	check(d.Sync())
}

func template(cn string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	check(err)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: cn}, NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
}

func pair(dir, name string, der []byte, key *ecdsa.PrivateKey) {
	k, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	write(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}), 0o600)
	write(filepath.Join(dir, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func write(file string, data []byte, mode os.FileMode) {
	f, err := os.OpenFile(file+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	check(err)
	_, err = f.Write(data)
	check(err)
	check(f.Sync())
	check(f.Close())
	check(os.Rename(file+".new", file))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
