package router

// RouterTopic is the source topic of the router's benchmark.
const RouterTopic = "workspace-events"

// RouterRules are ten rules as a company would have them, for the events of
// [RouterEvents]. plainRouter has the same by hand.
const RouterRules = `
sources:
  - topic: workspace-events
    timezone: Asia/Seoul
    let:
      order: event.payload
    rules:
      - name: order-received
        when: event.type == "ORDER_CREATED"
        recipients: order.customerId
        exclude: event.actor.id
        id: "${order.id}"
        source: orders
        type: "${event.type}"
        category: orders
        priority: "${order.total > 1000.0 ? 'high' : 'normal'}"
        title: {en: "Order ${order.no} received", ko: "주문 ${order.no} 접수"}
        body: "${size(order.lines)} articles, ${order.total} in all"
        url: "/orders/${order.id}"
        actor: {id: "${event.actor.id}", name: "${event.actor.name}"}
        time: event.createdAt
        data: {orderId: "${order.id}", total: "${order.total}"}
      - name: order-shipped
        when: event.type == "ORDER_SHIPPED"
        recipients: order.customerId
        id: "${order.id}"
        source: orders
        type: "${event.type}"
        category: orders
        title: {en: "Order ${order.no} is on its way", ko: "주문 ${order.no} 배송 시작"}
        url: "/orders/${order.id}"
        collapse_key: "order:${order.id}"
        time: event.createdAt
        expires_at: timestamp + duration("72h")
      - name: order-withdrawn
        when: event.type == "ORDER_DELETED"
        recipients: order.customerId
        retract: {id: "${order.id}", rule: order-received}
      - name: mentioned
        when: event.type == "COMMENT_CREATED" && size(event.payload.mentions) > 0
        recipients: event.payload.mentions
        exclude: event.actor.id
        id: "${event.eventId}"
        source: board
        type: MENTION
        category: board
        priority: high
        title: "${event.actor.name} mentioned you"
        body: "${event.payload.text}"
        url: "/documents/${event.payload.documentId}#comment-${event.payload.id}"
        time: event.createdAt
      - name: comment-created
        when: event.type == "COMMENT_CREATED"
        recipients: event.payload.watchers
        exclude: event.payload.mentions + [event.actor.id]
        id: "${event.eventId}"
        source: board
        category: board
        title: "${event.actor.name} commented on ${event.payload.title}"
        url: "/documents/${event.payload.documentId}"
        collapse_key: "document:${event.payload.documentId}"
        time: event.createdAt
      - name: approval-requested
        when: event.type == "APPROVAL_REQUESTED" && event.payload.state == "PENDING"
        recipients: event.payload.approvers.map(a, a.id)
        id: "approval:${event.payload.id}"
        source: approvals
        category: approval
        priority: urgent
        title: "${event.actor.name} asks for your approval: ${event.payload.title}"
        url: "/approvals/${event.payload.id}"
        time: event.createdAt
      - name: approval-decided
        when: event.type in ["APPROVAL_GRANTED", "APPROVAL_REFUSED"]
        recipients: event.payload.requesterId
        exclude: event.actor.id
        id: "${event.eventId}"
        source: approvals
        category: approval
        title: "${event.payload.title} was ${event.type == 'APPROVAL_GRANTED' ? 'granted' : 'refused'}"
        body: "${event.payload.?reason.orValue('')}"
        url: "/approvals/${event.payload.id}"
        time: event.createdAt
      - name: user-joined
        when: event.type == "USER_JOINED" && has(event.payload.team)
        recipients: event.payload.team.memberIds
        exclude: event.payload.userId
        id: "${event.eventId}"
        source: people
        category: people
        priority: low
        title: "${event.payload.name} is new in ${event.payload.team.name}"
        time: event.createdAt
      - name: meeting-moved
        when: event.type == "MEETING_CHANGED" && event.payload.before.start != event.payload.after.start
        recipients: event.payload.attendees
        exclude: event.actor.id
        id: "${event.eventId}"
        source: calendar
        category: calendar
        title: "${event.payload.after.subject} was moved"
        collapse_key: "meeting:${event.payload.id}"
        time: event.createdAt
      - name: stock-low
        when: event.type == "STOCK_CHANGED" && event.payload.left < event.payload.minimum
        recipients: "'warehouse-' + event.payload.warehouse"
        id: "stock:${event.payload.article}"
        source: stock
        category: stock
        title: "${event.payload.left} of ${event.payload.article} are left"
        time: event.createdAt
`
