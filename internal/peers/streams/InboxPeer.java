import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The job of Belfry's fold on Kafka Streams: one row per recipient (counts, and of the newest 100 items seq, flags,
 * category and id) and the contents of the items under recipient/seq. Arguments are name=value:
 *
 * <p>brokers, app, topic (JSON notifications, keyed by recipient), items (where contents go; it exists), dir,
 * guarantee=at_least_once|exactly_once_v2, store=rocksdb|memory, cache=true|false, threads, hops: 2 has the program
 * read items again into a store of its own, as a table of the DSL does; 1 leaves it at the topic, as somebody writes
 * who knows that its readers are elsewhere.
 */
public class InboxPeer {
    static final int KEEP = 100;
    static final ObjectMapper JSON = new ObjectMapper();

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static class Event {
        public String id, recipient, source, type, category, priority, title, body, url, time;
        public Map<String, Object> actor;
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static class Item extends Event {
        public long seq;
    }

    record Entry(long seq, short flags, long id) {}

    static final class Row {
        static final int CATEGORIES = 8, HEAD = 16 + 4 * CATEGORIES, ENTRY = 18;
        long version;
        int unread, unseen;
        final int[] byCategory = new int[CATEGORIES];
        final ArrayList<Entry> items = new ArrayList<>();

        static Row read(byte[] bytes) {
            Row r = new Row();
            ByteBuffer b = ByteBuffer.wrap(bytes);
            r.version = b.getLong();
            r.unread = b.getInt();
            r.unseen = b.getInt();
            for (int i = 0; i < CATEGORIES; i++) r.byCategory[i] = b.getInt();
            r.items.ensureCapacity(b.remaining() / ENTRY + 1);
            while (b.remaining() >= ENTRY) r.items.add(new Entry(b.getLong(), b.getShort(), b.getLong()));
            return r;
        }

        byte[] write() {
            ByteBuffer b = ByteBuffer.allocate(HEAD + ENTRY * items.size());
            b.putLong(version).putInt(unread).putInt(unseen);
            for (int n : byCategory) b.putInt(n);
            for (Entry e : items) b.putLong(e.seq()).putShort(e.flags()).putLong(e.id());
            return b.array();
        }
    }

    /** FNV-1a over UTF-16 units. */
    static long hash(String s) {
        long h = 0xcbf29ce484222325L;
        for (int i = 0; i < s.length(); i++) h = (h ^ s.charAt(i)) * 0x100000001b3L;
        return h;
    }

    static final class Fold implements Processor<String, byte[], String, byte[]> {
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> rows;

        @Override
        public void init(ProcessorContext<String, byte[]> c) {
            context = c;
            rows = c.getStateStore("rows");
        }

        @Override
        public void process(Record<String, byte[]> in) {
            try {
                Item item = JSON.readValue(in.value(), Item.class);
                item.seq = context.recordMetadata().orElseThrow().offset() + 1;
                long id = hash(item.source + "\n" + item.id);
                byte[] stored = rows.get(in.key());
                Row row = stored == null ? new Row() : Row.read(stored);
                for (Entry e : row.items) {
                    if (e.id() == id) { // again: what was written may be lost
                        item.seq = e.seq();
                        rows.put(in.key(), stored);
                        forward(in, item);
                        return;
                    }
                }
                int category = item.category.length() % Row.CATEGORIES;
                row.version = item.seq;
                row.unread++;
                row.unseen++;
                row.byCategory[category]++;
                row.items.add(new Entry(item.seq, (short) category, id));
                if (row.items.size() > KEEP) {
                    Entry old = row.items.remove(0);
                    row.unread--;
                    row.unseen--;
                    row.byCategory[old.flags()]--;
                    context.forward(in.withKey(in.key() + "/" + old.seq()).withValue(null));
                }
                rows.put(in.key(), row.write());
                forward(in, item);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private void forward(Record<String, byte[]> in, Item item) throws IOException {
            context.forward(in.withKey(in.key() + "/" + item.seq).withValue(JSON.writeValueAsBytes(item)));
        }
    }

    /** Contents lie in their recipient's partition. */
    static Optional<Set<Integer>> partition(String key, int partitions) {
        byte[] user = key.substring(0, key.indexOf('/')).getBytes(StandardCharsets.UTF_8);
        return Optional.of(Set.of(Utils.toPositive(Utils.murmur2(user)) % partitions));
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> o = new HashMap<>();
        for (String a : args) o.put(a.substring(0, a.indexOf('=')), a.substring(a.indexOf('=') + 1));
        for (String name : List.of("brokers", "app", "topic", "items", "dir", "guarantee", "store", "cache", "threads", "hops")) {
            if (!o.containsKey(name)) throw new IllegalArgumentException(name + "= is missing");
        }
        boolean memory = o.get("store").equals("memory"), cache = Boolean.parseBoolean(o.get("cache"));
        boolean exactly = o.get("guarantee").equals("exactly_once_v2");
        Properties p = new Properties();
        p.put("bootstrap.servers", o.get("brokers"));
        p.put("application.id", o.get("app"));
        p.put("state.dir", o.get("dir"));
        p.put("num.stream.threads", o.get("threads"));
        p.put("processing.guarantee", o.get("guarantee"));
        p.put("auto.offset.reset", "earliest");
        p.put("producer.acks", "all");
        p.put("producer.enable.idempotence", "true");
        p.put("producer.compression.type", "lz4");
        if (!exactly) p.put("commit.interval.ms", "1000"); // as Belfry's; 100 by default with transactions

        Serde<String> keys = Serdes.String();
        Serde<byte[]> values = Serdes.ByteArray();
        StreamsBuilder b = new StreamsBuilder();
        var rows = Stores.keyValueStoreBuilder(
            memory ? Stores.inMemoryKeyValueStore("rows") : Stores.persistentKeyValueStore("rows"), keys, values);
        b.addStateStore(cache ? rows.withCachingEnabled() : rows.withCachingDisabled());
        b.stream(o.get("topic"), Consumed.with(keys, values))
            .process(Fold::new, "rows")
            .to(o.get("items"), Produced.with(keys, values, (topic, key, value, n) -> partition(key, n)));
        if (o.get("hops").equals("2")) {
            Materialized<String, byte[], KeyValueStore<Bytes, byte[]>> m = Materialized.as(
                memory ? Stores.inMemoryKeyValueStore("inbox") : Stores.persistentTimestampedKeyValueStore("inbox"));
            m = m.withKeySerde(keys).withValueSerde(values);
            b.table(o.get("items"), Consumed.with(keys, values), cache ? m.withCachingEnabled() : m.withCachingDisabled());
        }
        KafkaStreams streams = new KafkaStreams(b.build(), p);
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        CountDownLatch ended = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) ended.countDown();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(15))));
        streams.start();
        ended.await();
        System.exit(1);
    }
}
