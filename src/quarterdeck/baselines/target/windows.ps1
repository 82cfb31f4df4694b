# The collector for Windows: Windows PowerShell 5.1 or PowerShell 7, nothing but what they ship. Writes nothing.
# Sent over the target's own OpenSSH, checked against its hash and run from memory. ASCII only, so that no code page on
# the way changes a byte. Output: lines of "KIND NUMBER LENGTH BASE64", the content deflated; the last is "E COUNT".
param([string]$Sha256, [string]$Mode, [Parameter(ValueFromRemainingArguments = $true)][string[]]$Rest)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$Rest = @($Rest | Where-Object { $_ })
$Invariant = [Globalization.CultureInfo]::InvariantCulture
[Threading.Thread]::CurrentThread.CurrentCulture = $Invariant
[Threading.Thread]::CurrentThread.CurrentUICulture = $Invariant
$Utf8 = New-Object Text.UTF8Encoding $false
$script:Frames = 0
$script:Entries = 0
$Batch = New-Object Text.StringBuilder

function Send([string]$Kind, [string]$Text) {
    $bytes = $Utf8.GetBytes($Text)
    $memory = New-Object IO.MemoryStream
    $packer = New-Object IO.Compression.DeflateStream($memory, [IO.Compression.CompressionMode]::Compress, $true)
    $packer.Write($bytes, 0, $bytes.Length)
    $packer.Dispose()
    $line = '{0} {1} {2} {3}' -f $Kind, $script:Frames, $bytes.Length, [Convert]::ToBase64String($memory.ToArray())
    [Console]::Out.WriteLine($line)
    $script:Frames++
}
function Now { [DateTime]::UtcNow.Subtract([DateTime]'1970-01-01').TotalSeconds.ToString('F3', $Invariant) }
# The very UTF-16 units of a name: NTFS allows halves of surrogate pairs, which every text encoding would replace.
function Raw([string]$Text) {
    $bytes = New-Object byte[] (2 * $Text.Length)
    [Buffer]::BlockCopy($Text.ToCharArray(), 0, $bytes, 0, $bytes.Length)
    [Convert]::ToBase64String($bytes)
}
function Reason($Failure) {
    $cause = $Failure.Exception
    while ($cause.InnerException) { $cause = $cause.InnerException }
    $code = $cause.HResult -band 0xFFFF
    if ($cause -is [UnauthorizedAccessException] -or $code -eq 5) { return 'EACCES' }
    if ($code -eq 32 -or $code -eq 33) { return 'EBUSY' }
    if ($cause -is [IO.FileNotFoundException] -or $cause -is [IO.DirectoryNotFoundException]) { return 'ENOENT' }
    'EIO'
}

# ---- files -----------------------------------------------------------------------------------------------------
# Not SHA256Managed: where the FIPS policy is on, .NET refuses to make one.
$Hasher = New-Object Security.Cryptography.SHA256CryptoServiceProvider
function Digest([string]$Path) {
    $share = [IO.FileShare]'ReadWrite, Delete'
    $file = New-Object IO.FileStream($Path, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share, 1048576)
    try { [BitConverter]::ToString($Hasher.ComputeHash($file)).Replace('-', '').ToLowerInvariant() }
    finally { $file.Dispose() }
}
function Streams([string]$Path) {
    $found = @(Get-Item -LiteralPath $Path -Stream * -Force | Where-Object { $_.Stream -ne ':$DATA' } |
        ForEach-Object { '{0}:{1}' -f $_.Stream, $_.Length } | Sort-Object)
    if ($found.Count) { Raw ($found -join "`n") } else { '-' }
}
function Ticks($Info) { $Info.LastWriteTimeUtc.Ticks }
function Access([string]$Path, [bool]$Folder) {
    # Owner, group and access list; the audit list asks for a privilege of its own.
    $parts = [Security.AccessControl.AccessControlSections]'Owner, Group, Access'
    if ($Folder) { $list = New-Object Security.AccessControl.DirectorySecurity($Path, $parts) }
    else { $list = New-Object Security.AccessControl.FileSecurity($Path, $parts) }
    Raw ($list.GetSecurityDescriptorSddlForm($parts))
}
function Target($Item) {
    $link = Get-Item -LiteralPath $Item.FullName -Force
    $names = @($link.PSObject.Properties | Where-Object { $_.Name -eq 'Target' } | ForEach-Object { $_.Value })
    if ($names.Count) { Raw ([string]$names[0]) } else { '-' }
}
function Record($Item) {
    $path = $Item.FullName
    $folder = $Item -is [IO.DirectoryInfo]
    $kind = 'F'; $size = '-'; $digest = '-'; $sddl = '-'; $streams = '-'; $link = '-'; $reason = '-'
    $attributes = 0; $ticks = 0
    if ($folder) { $kind = 'D' }
    try {
        $Item.Refresh()
        $attributes = [int]$Item.Attributes
        $ticks = Ticks $Item
        if ($attributes -band [int][IO.FileAttributes]::ReparsePoint) {
            $link = Target $Item
            if ($link -ne '-') { $kind = 'L' }
        }
        $sddl = Access $path $folder
        if ($kind -eq 'F') {
            $size = $Item.Length
            $digest = Digest $path
            $streams = Streams $path
            $Item.Refresh()
            if ($Item.Length -ne $size -or (Ticks $Item) -ne $ticks) { $reason = 'unstable'; $digest = '-' }
        }
    } catch { $reason = Reason $_; $digest = '-' }
    $fields = $kind, $attributes.ToString('x8'), $size, $ticks, $digest, $sddl, $streams, $link, $reason, (Raw $path)
    Add ($fields -join "`t")
    $kind -eq 'D' -and $reason -eq '-' -and -not ($attributes -band [int][IO.FileAttributes]::ReparsePoint)
}
function Add([string]$Line) {
    [void]$Batch.Append($Line).Append("`n")
    $script:Entries++
    if ($Batch.Length -gt 1000000) { Flush }
}
function Flush {
    if ($Batch.Length) { Send 'R' $Batch.ToString(); [void]$Batch.Clear() }
}
function Failed([string]$Path, [string]$Reason) { Add ("X`t-`t-`t-`t-`t-`t-`t-`t$Reason`t" + (Raw $Path)) }
function Walk([string]$Root) {
    # Links are told and never followed, so the walk ends.
    $waiting = New-Object Collections.Generic.Stack[string]
    if ([IO.File]::Exists($Root)) { [void](Record (New-Object IO.FileInfo $Root)); return }
    if (-not [IO.Directory]::Exists($Root)) { Failed $Root 'ENOENT'; return }
    if (Record (New-Object IO.DirectoryInfo $Root)) { $waiting.Push($Root) }
    while ($waiting.Count) {
        $folder = $waiting.Pop()
        try { $inside = @((New-Object IO.DirectoryInfo $folder).GetFileSystemInfos()) }
        catch { Failed ($folder.TrimEnd('\') + '\*') (Reason $_); continue }
        foreach ($item in $inside) { if (Record $item) { $waiting.Push($item.FullName) } }
    }
}

# ---- posture ---------------------------------------------------------------------------------------------------
$Facts = [ordered]@{}
function Fact([string]$Name, [scriptblock]$Collect) {
    try { $Facts[$Name] = @{ value = (& $Collect) } }
    catch { $Facts[$Name] = @{ error = $(if ((Reason $_) -eq 'EIO') { [string]$_.Exception.Message } else { Reason $_ }) } }
}
function Lines($Found) { , @($Found | Where-Object { $_ } | ForEach-Object { [string]$_ } | Sort-Object -Unique) }
function Registry([string]$Key, [string]$Name) {
    $values = Get-Item -LiteralPath "Registry::$Key" -ErrorAction SilentlyContinue
    if ($values) { $values.GetValue($Name) }
}
function Has([string]$Key) { Test-Path -LiteralPath "Registry::$Key" }
function OnOff($Value) { if ($Value) { 'on' } else { 'off' } }
function Name-Of($Text) { ([string]$Text) -replace '\s', '%20' }
function Listening([bool]$Local) {
    # Ports from 49152 up are handed out anew at each start.
    $found = @(Get-NetTCPConnection -State Listen | ForEach-Object { , @('tcp', $_.LocalAddress, $_.LocalPort) }) +
        @(Get-NetUDPEndpoint | Where-Object { $_.LocalPort -lt 49152 } |
            ForEach-Object { , @('udp', $_.LocalAddress, $_.LocalPort) })
    Lines ($found | Where-Object { ($_[1] -like '127.*' -or $_[1] -eq '::1') -eq $Local } | ForEach-Object {
        '{0} {1} {2}' -f $_[0], $_[1], $(if ($_[2] -ge 49152) { 'dynamic' } else { $_[2] }) })
}
function Members([string]$Sid) {
    Lines (Get-LocalGroupMember -SID $Sid | ForEach-Object { '{0}={1}' -f (Name-Of $_.Name), $_.SID })
}
function Groups {
    # By number, since the names are translated.
    $found = @{}
    foreach ($group in Get-LocalGroup | Where-Object { $_.SID.Value -like 'S-1-5-32-*' }) {
        $inside = (Members $group.SID.Value) -join ' '
        $found['{0} {1}' -f $group.SID, (Name-Of $group.Name)] = $(if ($inside) { $inside } else { 'nobody' })
    }
    $found
}
function Accounts {
    $found = @{}
    foreach ($one in Get-LocalUser) {
        $required = $(if ($one.PasswordRequired) { 'required' } else { 'none' })
        $found[[string]$one.Name] = 'sid {0}, {1}, password {2}' -f $one.SID,
            $(if ($one.Enabled) { 'enabled' } else { 'disabled' }), $required
    }
    $found
}
function BitLocker {
    $found = @{}
    foreach ($one in Get-BitLockerVolume) {
        $kinds = @($one.KeyProtector | ForEach-Object { [string]$_.KeyProtectorType } | Sort-Object) -join ' '
        $state = $(if ([string]$one.ProtectionStatus -eq 'On') { 'on' } else { 'off' })
        $found[[string]$one.MountPoint] = '{0}, {1}, {2}, {3} % encrypted, protectors {4}' -f $state, $one.VolumeStatus,
            $one.EncryptionMethod, $one.EncryptionPercentage, $(if ($kinds) { $kinds } else { 'none' })
    }
    $found
}
function Hotfixes {
    Lines (Get-CimInstance Win32_QuickFixEngineering | Where-Object { $_.HotFixID -match '^KB\d+$' } | ForEach-Object {
        $day = 'unknown'
        if ($_.InstalledOn -is [DateTime]) { $day = $_.InstalledOn.ToString('yyyy-MM-dd', $Invariant) }
        '{0} {1}' -f $_.HotFixID, $day })
}
function Recent-Updates([DateTime]$Since) {
    @(Get-ChildItem -LiteralPath "$env:WINDIR\servicing\Packages" -Filter 'Package_*for_KB*.mum' |
        Where-Object { $_.CreationTimeUtc -ge $Since } |
        ForEach-Object { if ($_.Name -match 'for_(KB\d+)') { $Matches[1] } }) +
        @(Get-CimInstance Win32_QuickFixEngineering | Where-Object {
            $_.HotFixID -match '^KB\d+$' -and $_.InstalledOn -is [DateTime] -and $_.InstalledOn -ge $Since.Date } |
            ForEach-Object { $_.HotFixID }) | Sort-Object -Unique
}
function Update-Files([long]$Seconds) {
    # What servicing laid down is a second name of a file in the component store: those of its folders that are new
    # since then name the files that the updates brought. Windows does not say which of several updates brought one.
    $since = ([DateTime]'1970-01-01').AddSeconds($Seconds)
    $updates = @(Recent-Updates $since)
    if (-not $updates.Count) { return @{} }
    $drive = $env:SystemDrive
    $new = @(Get-ChildItem -LiteralPath "$env:WINDIR\WinSxS" -Directory | Where-Object { $_.CreationTimeUtc -ge $since })
    $paths = New-Object Collections.Generic.List[string]
    foreach ($folder in $new | Select-Object -First 5000) {
        foreach ($file in $folder.GetFiles('*', [IO.SearchOption]::AllDirectories)) {
            foreach ($name in & fsutil.exe hardlink list $file.FullName) {
                if ($name -and $name -notlike '\Windows\WinSxS\*') { $paths.Add('/' + $drive + $name.Replace('\', '/')) }
            }
        }
    }
    @{ ($updates -join '+') = @($paths | Sort-Object -Unique) }
}
function Services {
    # Services made for a person's session carry a number that is new each time.
    Lines (Get-CimInstance Win32_Service | Where-Object { $_.Name -notmatch '_[0-9a-f]{4,8}$' } | ForEach-Object {
        '{0} {1} as {2}: {3}' -f (Name-Of $_.Name), $_.StartMode, (Name-Of $_.StartName), $_.PathName })
}
function Programs {
    $keys = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall',
        'HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall'
    Lines ($keys | Where-Object { Has $_ } | ForEach-Object { Get-ChildItem -LiteralPath "Registry::$_" } |
        Where-Object { $_.GetValue('DisplayName') -and -not $_.GetValue('SystemComponent') } |
        ForEach-Object { '{0} {1}' -f (Name-Of $_.GetValue('DisplayName')), $_.GetValue('DisplayVersion') })
}
function Sshd-Settings {
    $program = @("$env:WINDIR\System32\OpenSSH\sshd.exe", "$env:ProgramFiles\OpenSSH\sshd.exe" |
        Where-Object { Test-Path -LiteralPath $_ })
    if (-not $program.Count) { throw 'no sshd.exe' }
    $found = @{}
    foreach ($line in & $program[0] -T -f "$env:ProgramData\ssh\sshd_config") {
        $word, $value = $line -split ' ', 2
        if ($found.ContainsKey($word)) { $found[$word] += "; $value" } else { $found[$word] = [string]$value }
    }
    if ($LASTEXITCODE -ne 0) { throw "sshd -T ended with $LASTEXITCODE" }
    $found
}
function Firmware {
    $found = @{}
    $bios = Get-CimInstance Win32_BIOS
    $found['bios_vendor'] = [string]$bios.Manufacturer
    $found['bios_version'] = [string]$bios.SMBIOSBIOSVersion
    if ($bios.ReleaseDate) { $found['bios_date'] = $bios.ReleaseDate.ToUniversalTime().ToString('yyyy-MM-dd', $Invariant) }
    $board = Get-CimInstance Win32_BaseBoard
    $found['board'] = '{0} {1} {2}' -f $board.Manufacturer, $board.Product, $board.Version
    $revision = Registry 'HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\CentralProcessor\0' 'Update Revision'
    if ($revision) { $found['microcode'] = [BitConverter]::ToString([byte[]]$revision) }
    foreach ($disk in Get-CimInstance Win32_DiskDrive) { $found["disk $($disk.Index)"] = "$($disk.Model) $($disk.FirmwareRevision)" }
    try { $found['tpm'] = [string](Get-CimInstance -Namespace root/cimv2/Security/MicrosoftTpm Win32_Tpm).ManufacturerVersion }
    catch { $found['tpm'] = 'not readable: ' + (Reason $_) }
    $found
}
function Protections {
    $found = @{}
    try { $found['secure boot'] = OnOff (Confirm-SecureBootUEFI) } catch { $found['secure boot'] = 'none' }
    foreach ($one in Get-NetFirewallProfile) { $found["firewall $($one.Name)"] = OnOff ([string]$one.Enabled -eq 'True') }
    $policy = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
    $found['user account control'] = OnOff ((Registry $policy 'EnableLUA') -eq 1)
    $lsa = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa'
    $found['LSA protection'] = OnOff ((Registry $lsa 'RunAsPPL') -gt 0)
    if (Get-Command Get-MpComputerStatus -ErrorAction SilentlyContinue) {
        try {
            $defender = Get-MpComputerStatus
            $found['Defender real time'] = OnOff $defender.RealTimeProtectionEnabled
            $found['Defender tamper protection'] = OnOff $defender.IsTamperProtected
        } catch { $found['Defender real time'] = 'not readable: ' + (Reason $_) }
    }
    foreach ($name in 'EventLog', 'WinDefend', 'mpssvc', 'Sense', 'wuauserv', 'w32time', 'Sysmon64', 'sshd') {
        $service = Get-Service -Name $name -ErrorAction SilentlyContinue
        if ($service) { $found["service $name"] = OnOff ([string]$service.Status -eq 'Running' -or [string]$service.StartType -eq 'Manual') }
    }
    $found
}
function Pending {
    $cbs = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion'
    $found = @()
    if (Has "$cbs\Component Based Servicing\RebootPending") { $found += 'component servicing' }
    if (Has "$cbs\WindowsUpdate\Auto Update\RebootRequired") { $found += 'Windows Update' }
    $session = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager'
    if (Registry $session 'PendingFileRenameOperations') { $found += 'files to be renamed' }
    $names = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName'
    if ((Registry "$names\ActiveComputerName" 'ComputerName') -ne (Registry "$names\ComputerName" 'ComputerName')) { $found += 'new name' }
    Lines $found
}
function Posture {
    $version = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    Fact 'kernel' { '{0} {1}.{2}' -f (Registry $version 'ProductName'), (Registry $version 'CurrentBuild'), (Registry $version 'UBR') }
    Fact 'listening' { Listening $false }
    Fact 'listening.local' { Listening $true }
    Fact 'accounts' { Accounts }
    Fact 'groups' { Groups }
    Fact 'sshd' { Sshd-Settings }
    Fact 'fips' { [string][int](Registry 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa\FipsAlgorithmPolicy' 'Enabled') }
    Fact 'services' { Services }
    Fact 'packages' { Programs }
    Fact 'hotfixes' { Hotfixes }
    Fact 'bitlocker' { BitLocker }
    Fact 'firmware' { Firmware }
    Fact 'protections' { Protections }
    Fact 'reboot' { Pending }
    foreach ($argument in $Rest) {
        if ($argument -notmatch '^since=(\d{1,11})$') { throw "posture takes since=SECONDS, not $argument" }
        $seconds = [long]$Matches[1]
        Fact 'update_files' { Update-Files $seconds }
    }
    Send 'D' ($Facts | ConvertTo-Json -Compress -Depth 6)
}

# ---- the whole -------------------------------------------------------------------------------------------------
$Me = [Security.Principal.WindowsIdentity]::GetCurrent()
$Elevated = (New-Object Security.Principal.WindowsPrincipal $Me).IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
Send 'H' (@{
        format = 'quarterdeck-windows-1'; mode = $Mode; arguments = @($Rest); collector_sha256 = $Sha256
        python = "none (PowerShell $($PSVersionTable.PSVersion))"
        system = "Windows $([Environment]::OSVersion.Version)$(if ($Elevated) { ', elevated' })"
        uid = [long]($Me.User.Value -split '-')[-1]; started = (Now)
    } | ConvertTo-Json -Compress)
switch ($Mode) {
    'manifest' {
        foreach ($root in $Rest) { Walk ($root.Substring(1).Replace('%20', ' ').Replace('/', '\')) }
        Flush
    }
    'posture' { Posture }
    default { throw 'the modes are manifest and posture' }
}
Send 'T' (@{ entries = $script:Entries; finished = (Now) } | ConvertTo-Json -Compress)
[Console]::Out.WriteLine("E $($script:Frames)")
