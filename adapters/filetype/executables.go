package filetype

import "slices"

// windowsPrograms are the extensions that run at a double click and mean nothing else, so that nobody has them in the
// middle of a name by accident. (".com" and ".js" are there in the names of sites and libraries.)
var windowsPrograms = []string{
	".exe", ".scr", ".pif", ".bat", ".cmd", ".msi", ".vbs", ".vbe", ".jse", ".wsf", ".hta", ".cpl", ".lnk", ".dll", ".ps1", ".apk",
}

// programs are the other extensions of what a system runs, installs, or hands to what runs it.
var programs = []string{
	// Windows
	".com", ".msp", ".mst", ".msu", ".msix", ".msixbundle", ".appx", ".appxbundle", ".appinstaller", ".application", ".appref-ms",
	".sys", ".drv", ".ocx", ".ax", ".efi", ".xll", ".wll", ".gadget", ".job", ".msc", ".diagcab", ".settingcontent-ms", ".library-ms",
	".btm", ".ps1xml", ".ps2", ".psm1", ".psd1", ".psc1", ".cdxml", ".vb", ".vbscript", ".ws", ".wsc", ".wsh", ".sct", ".scf", ".shb", ".shs",
	".url", ".reg", ".inf", ".chm", ".hlp", ".ahk", ".a3x",
	// Unix
	".run", ".so", ".o", ".ko", ".a", ".elf", ".axf", ".appimage", ".desktop", ".deb", ".rpm", ".snap", ".flatpak", ".flatpakref",
	".dylib", ".pkg", ".mpkg", ".scpt", ".scptd", ".applescript",
	// other machines
	".class", ".jar", ".war", ".ear", ".jnlp", ".apks", ".xapk", ".aab", ".dex", ".ipa", ".crx", ".xpi", ".swf", ".air", ".wasm",
	".pyc", ".pyo", ".pyz", ".pyzw", ".phar",
}

// shellScripts are refused alone. In an archive they are left alone: half of all sources come with one, and nothing runs it
// before somebody says so twice.
var shellScripts = []string{
	".sh", ".bash", ".zsh", ".csh", ".tcsh", ".ksh", ".dash", ".fish", ".command", ".cgi",
}

// macroExtensions are those of documents that bring programs along.
var macroExtensions = []string{
	".docm", ".dotm", ".xlsm", ".xltm", ".xlam", ".xla", ".pptm", ".potm", ".ppsm", ".ppam", ".sldm",
}

// executableTypes are the MIME types of the same.
var executableTypes = []string{
	"application/x-executable", "application/x-msdownload", "application/x-msdos-program", "application/x-dosexec", "application/x-exe",
	"application/exe", "application/x-winexe", "application/dos-exe", "application/x-ms-dos-executable", "vms/exe",
	"application/vnd.microsoft.portable-executable", "application/x-elf", "application/x-sharedlib", "application/x-object",
	"application/x-pie-executable", "application/x-mach-binary", "application/x-archive", "application/wasm",
	"application/x-sh", "application/x-shellscript", "text/x-shellscript", "text/x-sh", "application/x-csh", "application/x-bsh", "text/x-script.sh",
	"application/x-bat", "application/bat", "application/x-msdos-batch", "text/x-msdos-batch", "text/x-bat", "application/x-batch",
	"application/x-powershell", "text/x-powershell", "application/x-vbs", "application/x-vbscript", "text/vbscript", "text/vbs", "application/hta",
	"application/x-ms-installer", "application/x-msi", "application/x-windows-installer", "application/msix", "application/appx",
	"application/x-ms-shortcut", "application/x-ms-application", "application/vnd.ms-htmlhelp", "application/x-installshield",
	"application/java-archive", "application/x-java-archive", "application/jar", "application/jar-archive", "application/java-vm",
	"application/x-java-applet", "application/x-java-vm", "application/x-java-jnlp-file", "application/vnd.android.package-archive",
	"application/vnd.android.dex", "application/vnd.debian.binary-package", "application/x-debian-package", "application/x-deb",
	"application/x-rpm", "application/x-redhat-package-manager", "application/vnd.appimage", "application/x-xar",
	"application/x-chrome-extension", "application/x-xpinstall", "application/x-shockwave-flash", "application/x-bytecode.python",
	"application/x-python-code", "application/x-desktop", "application/x-os2-hlp", "application/x-os2-inf",
}

// executable reports whether an extension is that of something that a system runs.
func executable(extension string) bool {
	return program(extension) || slices.Contains(shellScripts, extension)
}

func program(extension string) bool {
	return slices.Contains(windowsPrograms, extension) || slices.Contains(programs, extension)
}
