# Perl lives on malloc: hashes, closures, string building, regexes, sorting, weak references, and
# several interpreter threads, each of which clones the whole interpreter.
use strict;
use warnings;
use threads;
use Digest::MD5 qw(md5_hex);
use List::Util qw(sum);
use Scalar::Util qw(weaken);
use Storable qw(dclone freeze thaw);

my $state = 12345;

sub random {
    my ($below) = @_;
    $state = ($state * 1103515245 + 12345) & 0x7fffffff;
    return ($state >> 8) % $below;
}

sub hashes {
    my (%count, %nested);
    for my $i (1 .. 200_000) {
        my $key = "key-" . random(20_000);
        $count{$key}++;
        push @{ $nested{ $i % 97 }{$key} }, $i if $i % 3 == 0;
        delete $count{ "key-" . random(20_000) } if $i % 5 == 0;
    }
    my $lists = sum map { scalar @$_ } map { values %$_ } values %nested;
    return join ',', scalar(keys %count), $lists, md5_hex(join ';', map { "$_=$count{$_}" } sort keys %count);
}

sub strings {
    my $text = '';
    for my $i (1 .. 60_000) {
        $text .= sprintf "%d:%s;", $i, chr(97 + $i % 26) x ($i % 40);
        substr($text, random(length $text), 2, "<$i>") if $i % 100 == 0;
    }
    (my $changed = $text) =~ s/(\d+):([a-m]+)/$2 . ($1 * 2)/ge;
    my %letters;
    $letters{$1}++ while $changed =~ /([a-z])\1{4,}/g;
    my @parts = split /;/, $changed;
    return join ',', length $changed, scalar @parts, md5_hex($changed), sum values %letters;
}

sub closures {
    my @adders = map { my $n = $_; sub { return $_[0] + $n } } 1 .. 20_000;
    my $chain = sub { return $_[0] };
    for my $i (0 .. 40) {
        my ($inner, $outer) = ($chain, $adders[$i]);
        $chain = sub { return $outer->($inner->(@_)) };
    }
    return join ',', sum(map { $_->(1) } @adders), $chain->(0);
}

sub objects {
    my $made = 0;
    for my $round (1 .. 20) {
        my @nodes = map { { id => $_, data => [ (1) x ($_ % 30) ] } } 1 .. 2000;
        for my $i (0 .. $#nodes) {
            $nodes[$i]{next} = $nodes[ ($i + 1) % @nodes ];
            weaken($nodes[$i]{next});
            $nodes[$i]{self} = sub { return $nodes[$i] } if $i % 500 == 0 && $round == 20;
        }
        my $copy = thaw(freeze([ map { { id => $_->{id}, data => $_->{data} } } @nodes ]));
        $made += @{ dclone($copy) };
    }
    return $made;
}

sub sorting {
    my @values = map { random(1_000_000) . '-' . random(100) } 1 .. 100_000;
    my @sorted = map { $_->[1] } sort { $a->[0] <=> $b->[0] || $a->[1] cmp $b->[1] }
        map { [ (split /-/)[0], $_ ] } @values;
    return md5_hex(join ',', @sorted);
}

sub many_threads {
    my @threads = map {
        my $n = $_;
        threads->create(sub {
            my %local = map { ("thread-$n-$_" => [ 1 .. $_ % 50 ]) } 1 .. 5000;
            return $n * 1000 + scalar(grep { @$_ > 25 } values %local);
        });
    } 1 .. 8;
    return join ',', map { $_->join } @threads;
}

sub evaluated {
    my $total = 0;
    for my $i (1 .. 3000) {
        my $code = eval "sub { my \@list = map { \$_ * $i } 1 .. 10; return \$list[-1] }" or die $@;
        $total += $code->();
        eval { die { code => $i, text => "x" x $i } };
        $total += $@->{code};
    }
    return $total;
}

for my $part (
    [ hashes => \&hashes ],     [ strings => \&strings ], [ closures => \&closures ],
    [ objects => \&objects ],   [ sorting => \&sorting ], [ threads => \&many_threads ],
    [ evaluated => \&evaluated ]) {
    printf "%-10s %s\n", $part->[0], $part->[1]->();
}
