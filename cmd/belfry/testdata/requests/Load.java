import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;

/**
 * Three instances of a client, each a stock ReplyingKafkaTemplate. Its arguments are the
 * brokers, how many requests each has under way, and its time-out in seconds. A line of its input is a user, a tab and a
 * request; a line of its output the correlation id in base64, the user, the milliseconds
 * and the answer. A request that is not answered in time is asked again.
 */
public class Load {
    static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    static final AtomicInteger LATE = new AtomicInteger();

    public static void main(String[] args) throws Exception {
        System.setOut(System.err); // loggers
        var instances = new ArrayList<ReplyingKafkaTemplate<String, String, String>>();
        var containers = new ArrayList<ConcurrentMessageListenerContainer<String, String>>();
        for (int i = 0; i < 3; i++) {
            var properties = new ContainerProperties("v1.event.subscription.response");
            properties.setGroupId("load-" + i);
            var container = new ConcurrentMessageListenerContainer<String, String>(new DefaultKafkaConsumerFactory<String, String>(Map.of(
                    "bootstrap.servers", args[0], "key.deserializer", StringDeserializer.class,
                    "value.deserializer", StringDeserializer.class, "auto.offset.reset", "earliest")), properties);
            var template = new ReplyingKafkaTemplate<String, String, String>(new DefaultKafkaProducerFactory<String, String>(Map.of(
                    "bootstrap.servers", args[0], "key.serializer", StringSerializer.class,
                    "value.serializer", StringSerializer.class)), container);
            template.setSharedReplyTopic(true);
            template.setDefaultReplyTimeout(Duration.ofSeconds(Integer.parseInt(args[2])));
            template.afterPropertiesSet();
            template.start();
            template.waitForAssignment(Duration.ofSeconds(60));
            instances.add(template);
            containers.add(container);
        }
        int window = Integer.parseInt(args[1]);
        var rooms = List.of(new Semaphore(window), new Semaphore(window), new Semaphore(window));
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] parts = line.split("\t", 2);
            int i = Math.floorMod(parts[0].hashCode(), 3);
            rooms.get(i).acquire();
            ask(instances.get(i), rooms.get(i), parts[0], parts[1]);
        }
        for (Semaphore room : rooms) {
            room.acquire(window);
        }
        OUT.println("late\t" + LATE);
        System.exit(0);
    }

    static void ask(ReplyingKafkaTemplate<String, String, String> template, Semaphore room, String user, String request) {
        long began = System.nanoTime();
        template.sendAndReceive(new ProducerRecord<>("v1.event.subscription.request", user, request)).whenComplete((answer, failed) -> {
            if (failed != null) {
                LATE.incrementAndGet();
                new Thread(() -> ask(template, room, user, request)).start();
                return;
            }
            byte[] id = answer.headers().lastHeader("kafka_correlationId").value();
            synchronized (OUT) {
                OUT.println(Base64.getEncoder().encodeToString(id) + "\t" + user + "\t" + (System.nanoTime() - began) / 1_000_000 + "\t" + answer.value());
            }
            room.release();
        });
    }
}
