// HotSpot's own memory (compiler arenas, symbols, threads), direct buffers, zlib and the launcher
// use malloc; the Java heap does not. What is printed depends on nothing but this file.
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntUnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

public final class Heavy {
  record Item(int id, String name, double score) {}

  sealed interface Shape permits Circle, Square {}

  record Circle(int radius) implements Shape {}

  record Square(int side) implements Shape {}

  static int area(Shape shape) {
    if (shape instanceof Circle circle) {
      return 3 * circle.radius() * circle.radius();
    }
    return ((Square) shape).side() * ((Square) shape).side();
  }

  static String collections() {
    Map<String, List<Item>> byName = new HashMap<>();
    for (int i = 0; i < 200_000; i++) {
      Item item = new Item(i, "name-" + i * 7919 % 5003, i / 3.0);
      byName.computeIfAbsent(item.name(), key -> new ArrayList<>()).add(item);
    }
    Map<Integer, Long> sizes = byName.values().stream()
        .collect(Collectors.groupingBy(List::size, TreeMap::new, Collectors.counting()));
    long areas = IntStream.range(0, 10_000)
        .mapToObj(i -> i % 2 == 0 ? new Circle(i) : new Square(i)).mapToLong(Heavy::area).sum();
    return byName.size() + " " + sizes + " " + areas;
  }

  static String directBuffers() {
    CRC32 crc = new CRC32();
    List<ByteBuffer> live = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(1 + i * 31 % 20_000);
      for (int k = 0; k < buffer.capacity(); k++) {
        if (buffer.get(k) != 0) {
          throw new IllegalStateException("a direct buffer is not zero");
        }
      }
      buffer.put(0, (byte) i);
      live.add(buffer);
      if (live.size() > 300) {
        crc.update(live.remove(i * 13 % live.size()));
      }
    }
    return Long.toHexString(crc.getValue());
  }

  static String compression(int seed) throws IOException {
    byte[] data = IntStream.range(0, 40_000).mapToObj(i -> "word" + (i * seed % 997))
        .collect(Collectors.joining(" ")).getBytes();
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
      out.write(data);
    }
    try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(packed.toByteArray()))) {
      if (!java.util.Arrays.equals(in.readAllBytes(), data)) {
        throw new IllegalStateException("what was compressed does not come back");
      }
    }
    return data.length + "/" + packed.size();
  }

  static String threads() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(8);
    List<Future<String>> results = new ArrayList<>();
    for (int i = 1; i <= 24; i++) {
      int seed = i;
      results.add(pool.submit(() -> compression(seed)));
    }
    StringBuilder text = new StringBuilder();
    for (Future<String> result : results) {
      text.append(result.get()).append(' ');
    }
    pool.shutdown();
    List<Thread> brief = new ArrayList<>();
    int[] answers = new int[200];
    for (int i = 0; i < answers.length; i++) {
      int index = i;
      brief.add(new Thread(() -> answers[index] = ("thread " + index).hashCode()));
      brief.get(i).start();
    }
    for (Thread thread : brief) {
      thread.join();
    }
    return text.toString() + IntStream.of(answers).sum();
  }

  static int hotLoops() {
    int sum = 0;
    IntUnaryOperator[] steps = {x -> x * 31, x -> x ^ 0x5a5a, x -> x >>> 3, Integer::reverse};
    for (int i = 0; i < 3_000_000; i++) {
      sum += steps[i % steps.length].applyAsInt(i);
    }
    return sum;
  }

  static long patterns() {
    Pattern pattern = Pattern.compile("(\\w+?)-(\\d+)(?:;|$)");
    String text = IntStream.range(0, 30_000).mapToObj(i -> "n" + i % 91 + "-" + i)
        .collect(Collectors.joining(";"));
    return pattern.matcher(text).results().mapToLong(m -> Long.parseLong(m.group(2))).sum();
  }

  public static void main(String[] arguments) throws Exception {
    System.out.println("collections " + collections());
    System.out.println("direct " + directBuffers());
    System.out.println("threads " + threads());
    System.out.println("loops " + hotLoops());
    System.out.println("patterns " + patterns());
  }
}
